"""What another size would take on this machine, from a measured step and the sizes of what is kept."""

from __future__ import annotations

import time

import psutil
import torch

from impasto.evaluate import Whole
from impasto.images import fit, resize
from impasto.objective import build
from impasto.run.engine import Run
from impasto.run.levels import COARSEST_PX, plan
from impasto.settings import Settings


def seconds_per_pixel(run: Run) -> float:
    """Time of one evaluation per pixel, measured on a small picture: a warm-up, then the mean of two."""
    height, width = fit((run.inputs.content.rgb.shape[1], run.inputs.content.rgb.shape[2]), COARSEST_PX)
    size = (max(height, run.min_side_px), max(width, run.min_side_px))
    content = resize(run.inputs.content.rgb[None], size).to(run.vgg.device)
    evaluate = Whole(run.vgg, build(run.settings, run.vgg, content, [content]))
    evaluate(content)
    begun = time.perf_counter()
    for _ in range(2):
        evaluate(content)
    return (time.perf_counter() - begun) / 2 / (size[0] * size[1])


def bytes_per_pixel(run: Run) -> float:
    """Memory that one pixel of the last level needs: kept activations, their gradients in passing, and the optimiser's
    history.
    """
    architecture = run.vgg.architecture
    deepest = max(architecture.index(layer) for layer in run.layers)
    kept = sum(conv.channels_out / conv.stride**2 for conv in architecture.convs[: deepest + 1])
    passing = 2 * architecture.convs[0].channels_out
    pairs = 2 * run.settings.lbfgs_history if run.settings.optimizer == "lbfgs" else 2
    return torch.finfo(run.vgg.dtype).bits / 8 * (kept + passing) + 4 * 3 * (pairs + 8)


def original_line(run: Run) -> str:
    """One line: what `--size original` would take here."""
    height, width = run.inputs.content.rgb.shape[1:]
    settings: Settings = run.settings.model_copy(update={"size": "original"})
    levels = plan(settings, (height, width), min_side_px=1)
    rate = seconds_per_pixel(run)
    seconds = rate * sum(level.pixels * (level.iterations + 1) for level in levels)
    need = bytes_per_pixel(run) * height * width
    free = psutil.virtual_memory().available
    here = rate * sum(level.pixels * (level.iterations + 1) for level in run.levels)
    fits = "" if need < free else ", which is more than is free"
    return (
        f"about {_minutes(here)}; --size original ({width}x{height}) would take about {_minutes(seconds)} "
        f"and {need / 2**30:.1f} GiB of memory{fits}"
    )


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
