"""Sizes: antialiased bicubic, so that shrinking averages what it leaves out.

The filter is separable, so a picture can be resized while it passes by: each band of rows is resized across, and added, by the
weights of the filter down, to the output rows that look at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_SHARPNESS: Final = -0.5
"""The cubic's slope at 1, as in PyTorch's antialiased filter and in Pillow's (Keys 1981)."""


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x: [B, C, H, W], 0..1 → [B, C, *size], clamped; size: (height, width); x itself if it has it."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    # Bicubic overshoots at edges: beyond 0..1 is no colour.
    return F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def resize_bands(bands: Iterable[Tensor], before: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Return the result of `resize` for a picture that comes in bands, up to rounding.

    `bands`: [C, rows, W] from top to bottom, at least one; `before`, `size`: (height, width).  Returns [C, *size], clamped.
    """
    height, width = size
    filter_down = Filter.between(before[0], height)
    whole, totals, top = torch.empty(0, dtype=torch.float32, device="cpu"), np.zeros(height), 0
    for band in bands:
        channels, rows, _ = band.shape
        if top == 0:
            whole = torch.zeros(channels, height, width, dtype=torch.float32, device="cpu")
        across = _across(band, width)
        seen_by, weights = filter_down.of_rows(top, top + rows)
        totals[seen_by] += weights.sum(axis=1)
        block = torch.tensor(weights, dtype=torch.float32, device="cpu")  # copied to an aligned place
        for channel in range(channels):
            whole[channel, seen_by].addmm_(block, across[channel])
        top += rows
    return whole.div_(torch.tensor(totals, dtype=torch.float32, device="cpu")[:, None]).clamp_(0, 1)


def _across(band: Tensor, width: int) -> Tensor:
    """[C, rows, W] → [C, rows, width]."""
    channels, rows, before = band.shape
    if before == width:
        return band
    # As pictures of one row each: PyTorch would also filter down, for nothing.
    lines = band.reshape(1, channels * rows, 1, before)
    return F.interpolate(lines, (1, width), mode="bicubic", antialias=True, align_corners=False).view(channels, rows, width)


@dataclass(frozen=True)
class Filter:
    """The antialiased bicubic filter along one side: output i sees the inputs first[i] ≤ j < end[i], around centers[i].

    Centres are rounded to float32 just where PyTorch rounds them: at 16,384 px that moves them by 0.001 px, which is nothing
    in a picture, but far more than rounding.
    """

    centers: np.ndarray
    first: np.ndarray
    end: np.ndarray
    stretch: float

    @classmethod
    def between(cls, before: int, after: int) -> Filter:
        """Return the filter for so many px before and after."""
        scale = np.float32(before) / np.float32(after)
        stretch = max(scale, np.float32(1))
        centers = (np.float64(scale) * (np.arange(after) + 0.5)).astype(np.float32)
        support = np.float32(2) * stretch
        first = ((centers - support).astype(np.float64) + 0.5).astype(np.int64).clip(0, None)
        end = ((centers + support).astype(np.float64) + 0.5).astype(np.int64).clip(None, before)
        return cls(centers.astype(np.float64), first, end, float(stretch))

    def of_rows(self, top: int, bottom: int) -> tuple[slice, np.ndarray]:
        """Return the outputs that see inputs top ≤ j < bottom, and their weights [outputs, bottom - top], not yet normalised."""
        seen_by = slice(
            int(np.searchsorted(self.end, top, side="right")),
            int(np.searchsorted(self.first, bottom, side="left")),
        )
        j = np.arange(top, bottom)
        distance = np.abs(j - self.centers[seen_by, None] + 0.5) / self.stretch
        within = (j >= self.first[seen_by, None]) & (j < self.end[seen_by, None])
        return seen_by, np.where(within, cubic(distance), 0.0)


def cubic(distance: np.ndarray) -> np.ndarray:
    """Return Keys' cubic convolution kernel at distances ≥ 0; 0 from 2 on.  Keys 1981, eq. 4."""
    a, d = _SHARPNESS, distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))


def fit(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Return (height, width) of the same aspect: the longer side is `long_side`, the other rounded, at least 1."""
    height, width = size
    if height >= width:
        return long_side, max(1, round(width * long_side / height))
    return max(1, round(height * long_side / width)), long_side
