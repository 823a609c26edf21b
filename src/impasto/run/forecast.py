"""What another size would take on this machine, from what was tried out and the sizes of what is kept."""

from __future__ import annotations

import psutil
import torch

from impasto.run.engine import Run
from impasto.run.levels import plan
from impasto.run.pace import Work
from impasto.settings import Settings


def bytes_per_pixel(run: Run) -> float:
    """Memory that one pixel of the last level needs, in bytes.

    Activations and their gradients, the indices of max pooling, the five or so buffers of the widest layer that are alive at
    once, and the optimiser's history.  The five are measured: 4,170 bytes with a history of 10 on an x86 CPU.
    """
    convs = run.vgg.architecture.convs[: max(run.vgg.architecture.index(layer) for layer in run.layers) + 1]
    activations = 2 * sum(conv.channels_out / conv.stride**2 for conv in convs) + 5 * convs[0].channels_out
    pooled = {conv.stride: conv.channels_out / (2 * conv.stride) ** 2 for conv in convs if conv.stride < convs[-1].stride}
    indices = 8 * sum(pooled.values()) if run.settings.pooling == "max" else 0.0
    pictures = 2 * run.settings.lbfgs_history + 8 if run.settings.optimizer == "lbfgs" else 10
    return torch.finfo(run.vgg.dtype).bits / 8 * activations + indices + 4 * 3 * pictures


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else int(psutil.virtual_memory().available)


def original_line(run: Run) -> str:
    """One line: what `--size original` would take here."""
    height, width = run.inputs.content.rgb.shape[1:]
    settings: Settings = run.settings.model_copy(update={"size": "original"})
    levels = plan(settings, (height, width), min_side_px=1)
    here = run.seconds_left()
    works = [Work(level.canvas_pixels(settings.margin), level.iterations + 1) for level in levels]
    seconds = run.pace(always=True).left(works)
    margin = 2 * settings.margin
    need = bytes_per_pixel(run) * (height + margin) * (width + margin)
    free = free_bytes(run.vgg.device)
    fits = "" if need < free else ", which is more than is free"
    return (
        f"about {duration(here)}; --size original ({width}x{height}) would take about {duration(seconds)} "
        f"and {need / 2**30:.1f} GiB of memory{fits}"
    )


def duration(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
