"""A picture that goes on at its opposite edges: pixels from there around it, and their gradients back."""

from __future__ import annotations

import torch
from torch import Tensor


def wrapped(x: Tensor, *, before: int, after: int) -> Tensor:
    """x [1, C, H, W] with so many rows and columns before and after it, taken from the opposite edges, over and over."""
    rows, columns = (torch.arange(-before, length + after, device=x.device) % length for length in x.shape[2:])
    return x[:, :, rows][:, :, :, columns]


def folded(x: Tensor, *, before: int, size: tuple[int, int]) -> Tensor:
    """The transpose of `wrapped`: what lies around a picture of `size` (height, width) is added where it was taken from."""
    rows, columns = (
        torch.arange(-before, extent - before, device=x.device) % length for extent, length in zip(x.shape[2:], size, strict=True)
    )
    high = x.new_zeros((*x.shape[:2], size[0], x.shape[3])).index_add_(2, rows, x)
    return x.new_zeros((*x.shape[:2], *size)).index_add_(3, columns, high)
