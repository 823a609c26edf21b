"""A first metric for L-BFGS that expects less curvature where waves are long: P = F⁻¹·w·F, w = (f/f_max)^(−power).

F is the discrete Fourier transform over the last two axes, f the length of the frequency in cycles a cell, f_max = √½ its
largest value; below 2⁻⁷ of f_max the weight stays what it is there.  P is symmetric and positive definite, so H₀ = γ·P is allowed
wherever γ·I is (Nocedal and Wright 2006, section 7.2).  It is the same as minimising over P^(−½)·x with H₀ = γ·I.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

_OCTAVES: Final = 7


@dataclass(frozen=True)
class Spectrum:
    """The metric of a power; 0 is the identity."""

    power: float

    def __call__(self, x: Tensor) -> Tensor:
        """P·x of x [..., H, W]."""
        if self.power == 0:
            return x
        height, width = x.shape[-2:]
        weights = _weights(height, width, self.power, x.dtype, x.device)
        filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) * weights, s=(height, width))
        return filtered


@lru_cache(maxsize=2)
def _weights(height: int, width: int, power: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """w [H, ⌊W/2⌋ + 1]."""
    down, across = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    share = (down[:, None].square() + across[None].square()).sqrt() / 0.5**0.5
    weights: Tensor = share.clamp_min(0.5**_OCTAVES).pow(-power)
    return weights.to(dtype=dtype, device=device)
