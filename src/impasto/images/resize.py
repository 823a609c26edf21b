"""Sizes: antialiased bicubic, so that shrinking averages what it leaves out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x: [B, C, H, W], 0..1 → [B, C, *size], clamped; size: (height, width); x itself if it has it."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    # Bicubic overshoots at edges: beyond 0..1 is no colour.
    return F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def fit(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """(height, width) of the same aspect: the longer side is `long_side`, the other rounded, at least 1."""
    height, width = size
    if height >= width:
        return long_side, max(1, round(width * long_side / height))
    return max(1, round(height * long_side / width)), long_side
