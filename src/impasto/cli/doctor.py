"""`impasto doctor`: what device, wheel, weights, cache and memory there are, and what is wrong.

Each thing is looked at by itself: what cannot even be looked at is a problem like any other, and the rest is told all the same.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import typer

from impasto import __version__
from impasto.errors import ImpastoError
from impasto.out_of_memory import is_out_of_memory

_NO_HOME: Final = "this user has no home folder"


def doctor() -> None:
    """Say what this machine offers and what is wrong with it."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    problems: list[str] = []
    console.print(f"impasto   {__version__}, Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    parts: tuple[tuple[str, Callable[[list[str]], str]], ...] = (
        ("memory", _memory),
        ("disk", _disk),
        ("torch", _torch),
        ("kernels", _kernels),
        ("weights", _weights),
        ("cache", _cache),
    )
    for name, look in parts:
        console.print(f"{name:<9} {_looked_at(name, look, problems)}")
    for problem in problems:
        console.print(f"problem   {problem}", style="bold red")
    if problems:
        raise typer.Exit(1)
    console.print("all is well", style="bold green")


def _looked_at(name: str, look: Callable[[list[str]], str], problems: list[str]) -> str:
    """Return what is said of a part; where looking at it fails, that is a problem of its own."""
    try:
        return look(problems)
    except ImpastoError as error:
        problems.append(str(error))
    except Exception as error:
        problems.append(f"{name} cannot be looked at ({_last_line(error)})")
    return "not known"


def _last_line(error: Exception) -> str:
    """Return the kind of an error and the last line of what it says, which is its cause where libraries quote one another."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__


def _memory(problems: list[str]) -> str:
    import psutil

    memory = psutil.virtual_memory()
    free, limits = memory.available, ""
    with contextlib.suppress(ImportError, OSError):  # without PyTorch these are not asked
        from impasto.run.free import group_free_bytes, own_free_bytes

        for allowed, by in ((group_free_bytes(), "the group of processes"), (own_free_bytes(), "the limits of the process")):
            if allowed < memory.total:
                limits += f", {allowed / 2**30:.1f} GiB allowed by {by}"
                free = min(free, allowed)
    if free < 1 << 30:
        problems.append("less than 1 GiB of memory is free; use --size 256, close other programs, or raise the limit (ulimit -v)")
    return f"{memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f}{limits}"


def _disk(problems: list[str]) -> str:
    folder = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        problems.append(f"this folder cannot be written ({error.strerror}); use -o to write elsewhere")
    free = shutil.disk_usage(folder).free
    if free < 1 << 29:
        problems.append("less than 0.5 GiB of disk is free here; checkpoints may not fit")
    try:
        temporary = ""
        tempfile.gettempdir()
    except OSError:
        temporary = "; there is no folder for temporary files, so `impasto serve` needs one in TMPDIR"
    return f"{free / 2**30:.1f} GiB free in {folder}{temporary}"


def _torch(problems: list[str]) -> str:
    import psutil

    try:
        import torch
    except (ImportError, OSError) as error:
        advice = (
            "raise the limit of memory" if is_out_of_memory(error) else "install it again: pip install --force-reinstall torch"
        )
        problems.append(f"PyTorch cannot be loaded ({_last_line(error)}); {advice}")
        return "missing"
    threads = torch.get_num_threads()
    # PyTorch takes physical cores; more threads than those gain nothing.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(allowed, psutil.cpu_count(logical=False) or allowed)
    if threads < cores:
        problems.append(f"PyTorch uses {threads} of {cores} cores; unset OMP_NUM_THREADS")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    devices = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    for i in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(i)
        if f"sm_{major}{minor}" not in torch.cuda.get_arch_list() and f"sm_{major}0" not in torch.cuda.get_arch_list():
            problems.append(f"this PyTorch was not built for cuda:{i} (sm_{major}{minor}); install a newer one")
    if torch.backends.mps.is_available():
        devices.append("mps")
    if Path("/proc/driver/nvidia/version").exists() and not torch.cuda.is_available():
        problems.append("there is an NVIDIA driver, but this PyTorch does not use it; install a CUDA build of torch")
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{torch.__version__} ({build}), devices {', '.join([*devices, f'cpu ({threads} threads, {capability})'])}"


def _kernels(problems: list[str]) -> str:
    """Say which kernels a step on the CPU uses, and whether IMPASTO_KERNELS chose them."""
    from impasto.errors import InvalidSettings

    try:
        from impasto.native import KERNELS_VARIABLE, library
        from impasto.vgg.onednn import may_execute_written_memory
    except (ImportError, OSError):
        return "not looked at, since PyTorch is missing"
    if not may_execute_written_memory():
        problems.append(
            "memory may not be made executable here (MemoryDenyWriteExecute of systemd, execmem of SELinux), so PyTorch's fast "
            "convolutions cannot be used; what they do takes longer"
        )
    try:
        found = library()
    except InvalidSettings as error:
        problems.append(str(error))
        return "none of that name"
    chosen = os.environ.get(KERNELS_VARIABLE, "") != ""
    if found is not None:
        return f"own convolutions ({found.name}{f', as {KERNELS_VARIABLE} says' if chosen else ''})"
    if chosen:
        return f"PyTorch's convolutions, as {KERNELS_VARIABLE} says; without it a step on the CPU may take half the time"
    return "PyTorch's convolutions; install impasto again with a C compiler, and a step on the CPU takes half the time"


def _weights(problems: list[str]) -> str:
    from impasto.errors import WeightsError

    try:
        from impasto.vgg import weights
    except (ImportError, OSError):
        return "not looked at, since PyTorch is missing"
    try:
        found = weights.load("vgg19")
        weights.verify(found)
    except WeightsError as error:
        problems.append(f"the embedded weights are damaged: {error}; install impasto again")
        return "vgg19 is damaged"
    home = "" if weights.data_dir() is not None else f"; {_NO_HOME}, so networks are imported where IMPASTO_DATA says"
    return f"{', '.join(weights.names())}; vgg19 verified ({found.sha256[:12]}…){home}"


def _cache(problems: list[str]) -> str:
    del problems
    from impasto import cache
    from impasto.storage.text import shown

    folder = cache.cache_dir()
    if folder is None:
        return f"none: {_NO_HOME}; set IMPASTO_CACHE to a folder, and styles are measured once"
    return (
        f"{sum(size for _, size in cache.entries()) / 2**20:.1f} MiB of measured styles in {shown(folder)}; deleting it is safe"
    )
