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

from impasto.torch_modes import own_torch_modes

_OCTAVES: Final = 7


@dataclass(frozen=True)
class Spectrum:
    """The metric of a power; 0 is the identity."""

    power: float

    def apply_(self, x: Tensor) -> Tensor:
        """P·x of x [..., H, W], in its place, plane by plane."""
        if self.power != 0:
            for plane in x.view(-1, *x.shape[-2:]):
                plane.copy_(self._plane(plane))
        return x

    def square(self, x: Tensor) -> Tensor:
        """xᵀ·P·x."""
        planes = x.view(-1, *x.shape[-2:])
        if self.power == 0:
            return torch.dot(x.view(-1), x.view(-1))
        return torch.stack([torch.dot(plane.reshape(-1), self._plane(plane).view(-1)) for plane in planes]).sum()

    def _plane(self, plane: Tensor) -> Tensor:
        waves = torch.fft.rfft2(plane)
        waves *= spectral_weights(*plane.shape, self.power, plane.dtype, plane.device)
        filtered: Tensor = torch.fft.irfft2(waves, s=plane.shape)
        return filtered


@lru_cache(maxsize=2)
@own_torch_modes()
def spectral_weights(height: int, width: int, power: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the weights w [H, ⌊W/2⌋ + 1] of planes [H, W]."""
    down, across = (
        frequencies(length, dtype=torch.float64, device="cpu")
        for frequencies, length in ((torch.fft.fftfreq, height), (torch.fft.rfftfreq, width))
    )
    weights: Tensor = (
        (down.square()[:, None] + across.square()[None]).sqrt_().div_(0.5**0.5).clamp_min_(0.5**_OCTAVES).pow_(-power)
    )
    return weights.to(dtype=dtype, device=device)
