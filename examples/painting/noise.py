"""Smooth random fields and colour ramps, from which every picture here is composed.

Fields are [H, W]; colours are [..., 3], sRGB-encoded, 0..1; labels are whole numbers [H, W].
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Field = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], *, cells: tuple[float, float]) -> Field:
    """Normal noise [H, W] with about `cells` = (down, across) independent values, bicubic in between."""
    height, width = shape
    rows, columns = (max(2, round(count) + 1) for count in cells)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    grown = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(grown, dtype=np.float32)


def fractal(rng: np.random.Generator, shape: tuple[int, int], *, cells: float, octaves: int = 4) -> Field:
    """Σ 2⁻ᵏ noise at 2ᵏ·cells a height: about zero mean and unit deviation, whatever the aspect."""
    height, width = shape
    total = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        down = cells * 2**octave
        total += 0.5**octave * smooth_noise(rng, shape, cells=(down, down * width / height))
    return total / np.float32(total.std() + 1e-6)


def unit_grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    """(y, x) of each pixel's centre: y runs 0..1 downwards and x in the same unit, 0..aspect."""
    height, width = shape
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    x = (np.arange(width, dtype=np.float32) + 0.5) / height
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    return grid_y, grid_x


def hex_colors(codes: str) -> Field:
    """`"1b2a5c e8c15a"` → [2, 3]."""
    return np.array([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes.split()], np.float32)


def ramp(amount: Field, colors: Field, *, stops: Sequence[float] | None = None) -> Field:
    """Colour [..., 3] at `amount` 0..1 on a piecewise linear ramp; `stops` are even where absent."""
    places = np.linspace(0, 1, len(colors)) if stops is None else np.asarray(stops)
    channels = [np.interp(amount, places, colors[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def blend(below: Field, above: Field, amount: Field) -> Field:
    """`above` over `below` with opacity `amount` [H, W], clipped to 0..1."""
    opacity = np.clip(amount, 0, 1)[..., None]
    return below + (above - below) * opacity


def smoothstep(edge_0: float, edge_1: float, value: Field) -> Field:
    """0 before `edge_0`, 1 after `edge_1`, a cubic in between."""
    t: Field = np.clip((value - edge_0) / (edge_1 - edge_0), 0, 1)
    return t * t * (3 - 2 * t)
