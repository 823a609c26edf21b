"""How far the colours of two pictures are apart: the Wasserstein-1 distance of their colours in Oklab, sliced.

As many units of Oklab as a colour has to be moved on average: 0.02 is hardly seen, 0.3 is another palette.  No bins.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from impasto.images.colors.oklab import to_oklab
from impasto.losses.sliced import resampled

_DIRECTIONS: Final = 64
_QUANTILES: Final = 1024

_MEAN_OF_SLICES: Final = 0.5
"""What a move of length 1 is, seen along directions at random in three dimensions, on average."""


def color_distance(one: Tensor, other: Tensor) -> float:
    """Of pictures [1, 3, H, W], sRGB-encoded, 0..1, of any sizes; 0 for the same colours, wherever they are."""
    ours, theirs = (resampled((_directions() @ to_oklab(rgb)[0].flatten(1)).sort(1).values, _QUANTILES) for rgb in (one, other))
    return float((ours - theirs).abs().mean()) / _MEAN_OF_SLICES


def _directions() -> Tensor:
    """Return directions [D, 3], evenly over the sphere (Fibonacci's lattice)."""
    at = torch.arange(_DIRECTIONS, dtype=torch.float32, device="cpu") + 0.5
    height = 1 - 2 * at / _DIRECTIONS
    turn = math.pi * (1 + math.sqrt(5)) * at
    across = (1 - height**2).sqrt()
    return torch.stack([across * turn.cos(), across * turn.sin(), height], 1)
