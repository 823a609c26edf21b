"""Masks that end where a photograph's edges are.

- guided: in each window a mask is a linear function of the photograph's lightness; where that has an edge, the mask gets one
  (He, Sun, Tang: Guided Image Filtering, 2010).
- sharpened: near its border a pixel goes to the region whose colours it has (the idea of GrabCut: Rother, Kolmogorov, Blake 2004,
  with histograms, and the guided filter in the place of graph cuts).
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

_BINS: Final = 16
"""Of a histogram, a side."""

_ROUNDS: Final = 4
_DOUBT: Final = 0.15
"""How sure a mask is of itself before colours are asked: softened over this share of the long side, so only near its border."""


def guided(mask: Tensor, light: Tensor, *, radius_px: int, smoothness: float = 1e-3) -> Tensor:
    """Masks [N, 1, H, W] along the edges of a lightness [1, 1, H, W], both 0..1; `smoothness`: variance that is no edge yet."""
    mean_light, mean_mask = _box(light, radius_px), _box(mask, radius_px)
    variance = _box(light * light, radius_px) - mean_light**2
    slope = (_box(light * mask, radius_px) - mean_light * mean_mask) / (variance + smoothness)
    offset = mean_mask - slope * mean_light
    return (_box(slope, radius_px) * light + _box(offset, radius_px)).clamp(0, 1)


def _box(x: Tensor, radius_px: int) -> Tensor:
    """The mean over a window; at the border over what there is of it."""
    for kernel in ((2 * radius_px + 1, 1), (1, 2 * radius_px + 1)):
        x = F.avg_pool2d(x, kernel, stride=1, padding=(kernel[0] // 2, kernel[1] // 2), count_include_pad=False)
    return x


def softened(mask: Tensor, radius_px: int) -> Tensor:
    """Masks [N, 1, H, W] whose borders go over softly, about so many px to each side."""
    return mask if radius_px == 0 else _box(_box(mask, radius_px), max(1, radius_px // 2))


def sharpened(masks: Tensor, lab: Tensor) -> Tensor:
    """Masks [N, 1, H, W] that add up to 1, moved to where the colours of their regions end; lab: [1, 3, H, W], Oklab."""
    radius = max(2, round(_DOUBT / 6 * max(lab.shape[2:])))
    prior = softened(masks, radius)
    low, high = lab.amin((0, 2, 3), keepdim=True), lab.amax((0, 2, 3), keepdim=True)
    cells = ((lab - low) / (high - low).clamp_min(1e-3) * (_BINS - 1)).round().long()
    place = ((cells[0, 0] * _BINS + cells[0, 1]) * _BINS + cells[0, 2]).flatten()
    for _ in range(_ROUNDS):
        found = prior * _likelihood(masks, place)
        found = found / found.sum(0, keepdim=True).clamp_min(1e-12)
        masks = guided(found, lab[:, :1], radius_px=max(2, radius // 3))
        masks = masks / masks.sum(0, keepdim=True).clamp_min(1e-6)
    return masks


def _likelihood(masks: Tensor, place: Tensor) -> Tensor:
    """Return how often each pixel's colour is in each region, [N, 1, H, W]; `place` is the cell of each pixel's colour, [H·W]."""
    count, cells = len(masks), _BINS**3
    seen = torch.zeros(count, cells, dtype=torch.float32, device="cpu").index_add_(1, place, masks.flatten(1))
    smooth = F.avg_pool3d(seen.view(count, 1, _BINS, _BINS, _BINS), 3, stride=1, padding=1).view(count, cells)
    often = (smooth + 1e-3) / (smooth.sum(1, keepdim=True) + 1e-3 * cells)
    return often[:, place].view_as(masks)
