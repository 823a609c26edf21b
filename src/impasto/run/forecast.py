"""What a run will take on this machine, said before it begins: seconds, and the most memory; and the same for the full size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

import psutil
import torch

from impasto.run.engine import Run
from impasto.run.levels import Level, plan
from impasto.run.pace import Work

WIDEST_BUFFERS: Final = 0.3
"""Buffers of the widest layer's size that come and go in a step, beside what is kept for the way back."""

HOLES_PER_PIXEL: Final = 1000
MOST_HOLES: Final = 200 * 2**20
"""Bytes a pixel, and at most, that lie unused between blocks: freed ones of up to 32 MiB are kept (allocator.py).

Both are measured, so that `peak_bytes` is the process's peak (VmHWM) on an x86 CPU.  With 3 pairs and our own convolutions
1,063, 1,638 and 2,824 MiB came at 512, 1,024 and 2,048 px, which is 998 bytes a pixel and then 521; with PyTorch's it is 1,637
bytes up to 1,024 px.  `benchmarks/forecast.py` prints expected and real peak; measure again when a step needs other memory.
"""


def expected_line(run: Run) -> str:
    """One line before the start: how long the run will take, the most memory it will need, and whether that is free."""
    # Time first: what was tried out has loaded and warmed up what the run needs anyway, so that the memory now is its base.
    seconds = duration(run.seconds_left())
    need, most = peak_bytes(run, run.levels), available_bytes(run.vgg.device)
    if need <= most:
        return f"expected: {seconds} and {_gib(need)} of memory ({_gib(most)} are free)"
    return f"expected: {seconds} and {_gib(need)} of memory, but only {_gib(most)} are free; a smaller --size needs less"


def original_line(run: Run) -> str:
    """One line: what `--size original` would take here."""
    height, width = run.inputs.content.size
    settings = run.settings.model_copy(update={"size": "original"})
    levels = plan(settings, (height, width), min_side_px=1)
    works = [Work(level.canvas_pixels(settings.margin), level.iterations + 1) for level in levels]
    need, most = peak_bytes(run, levels), available_bytes(run.vgg.device)
    fits = "" if need <= most else ", which is more than is free"
    seconds = duration(run.pace(always=True).left(works))
    return f"--size original ({width}x{height}) would take about {seconds} and {_gib(need)} of memory{fits}"


def peak_bytes(run: Run, levels: Sequence[Level]) -> float:
    """The most memory that the whole process will have on the run's device, if it goes through some levels from here on."""
    pixels = max(level.canvas_pixels(run.settings.margin) for level in levels)
    holes = min(HOLES_PER_PIXEL * pixels, MOST_HOLES) if run.vgg.device.type == "cpu" else 0
    return _base_bytes(run.vgg.device) + bytes_per_pixel(run) * pixels + holes


def bytes_per_pixel(run: Run) -> float:
    """Memory that one pixel of the canvas needs, in bytes.

    What is kept of the layers, what tells where gradients go, WIDEST_BUFFERS, and the optimiser's history.
    """
    path = run.vgg.path(run.layers)
    convs = run.vgg.architecture.convs[: run.vgg.architecture.index(path[-1]) + 1]
    number = torch.finfo(run.vgg.dtype).bits / 8
    in_bands = 0 if run.vgg.opening(path) is None else 1
    kept = number * WIDEST_BUFFERS * convs[0].channels_out
    for at, (conv, after) in enumerate(zip_longest(convs, convs[1:])):
        outputs = conv.channels_out / conv.stride**2
        pooled = after is not None and after.stride != conv.stride
        own = run.vgg.own_convolutions and at > 0
        # Our own keep a byte an output, after pooling where that is done at once; what is measured is kept beside it.
        at_once = own and pooled and run.settings.pooling == "max" and conv.name not in path
        kept += outputs / (4 if at_once else 1) if own else 0
        # PyTorch's convolutions and poolings keep all they get and give.
        if at >= in_bands and (conv.name in path or not own or (pooled and not at_once)):
            kept += number * outputs
        if pooled and not at_once:
            kept += (0 if run.vgg.own_convolutions else number) * outputs / 4
            kept += 8 * outputs / 4 if run.settings.pooling == "max" else 0
    # The history once: a checkpoint is written from where it lies, from other devices one tensor after another.
    pictures = 2 * run.settings.lbfgs_history + 8 if run.settings.optimizer == "lbfgs" else 10
    return kept + 4 * 3 * pictures


def available_bytes(device: torch.device) -> int:
    """Memory that this process can have on the device: what it has, and what is free."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    return int(free) + _base_bytes(device)


def _base_bytes(device: torch.device) -> int:
    """Memory that the process has on the device now: Python, PyTorch, the network and the pictures."""
    return int(torch.cuda.memory_reserved(device) if device.type == "cuda" else psutil.Process().memory_info().rss)


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"


def duration(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
