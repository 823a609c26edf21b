"""`impasto doctor`: what device, wheel, weights, cache and memory there are, and what is wrong."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path

import typer

from impasto import __version__


def doctor() -> None:
    """Say what this machine offers and what is wrong with it."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    problems: list[str] = []
    console.print(f"impasto   {__version__}, Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    console.print(f"memory    {_memory(problems)}")
    console.print(f"disk      {_disk(problems)}")
    console.print(f"torch     {_torch(problems)}")
    console.print(f"kernels   {_kernels(problems)}")
    console.print(f"weights   {_weights(problems)}")
    console.print(f"cache     {_cache()}")
    for problem in problems:
        console.print(f"problem   {problem}", style="bold red")
    if problems:
        raise typer.Exit(1)
    console.print("all is well", style="bold green")


def _memory(problems: list[str]) -> str:
    import psutil

    memory = psutil.virtual_memory()
    if memory.available < 1 << 30:
        problems.append("less than 1 GiB of memory is free; use --size 256 or close other programs")
    return f"{memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f}"


def _disk(problems: list[str]) -> str:
    free = shutil.disk_usage(Path.cwd()).free
    try:
        with tempfile.TemporaryFile(dir=Path.cwd()):
            pass
    except OSError as error:
        problems.append(f"this folder cannot be written ({error.strerror}); use -o to write elsewhere")
    if free < 1 << 29:
        problems.append("less than 0.5 GiB of disk is free here; checkpoints may not fit")
    return f"{free / 2**30:.1f} GiB free in {Path.cwd()}"


def _torch(problems: list[str]) -> str:
    import psutil

    try:
        import torch
    except (ImportError, OSError) as error:
        problems.append(f"PyTorch cannot be loaded ({error}); install it again: pip install --force-reinstall torch")
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
    except (ImportError, OSError):
        return "not looked at, since PyTorch is missing"
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
    from impasto.errors import ImpastoError

    try:
        from impasto.vgg import weights
    except (ImportError, OSError):
        return "not looked at, since PyTorch is missing"
    try:
        found = weights.load("vgg19")
        weights.verify(found)
    except ImpastoError as error:
        problems.append(f"the embedded weights are damaged: {error}; install impasto again")
        return "vgg19 is damaged"
    return f"{', '.join(weights.names())}; vgg19 verified ({found.sha256[:12]}…)"


def _cache() -> str:
    from impasto import cache

    kept = cache.entries()
    return f"{sum(size for _, size in kept) / 2**20:.1f} MiB of measured styles in {cache.cache_dir()}; deleting it is safe"
