"""sRGB ↔ Oklab, in which equal distances look about equal: lightness L, 0..1, green to red a and blue to yellow b, about ±0.3.

Björn Ottosson 2020, "A perceptual color space for image processing".
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_TO_CONES: Final = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB: Final = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_INSIDE: Final = 1e-4
"""A channel may leave 0..1 by this much and is clipped then: the matrices are rounded."""

_HALVINGS: Final = 12


def to_oklab(rgb: Tensor) -> Tensor:
    """Return Oklab, [B, 3, H, W], of colours [B, 3, H, W], sRGB-encoded, 0..1."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    cones = _times(_TO_CONES, linear)
    return _times(_TO_LAB, cones.sign() * cones.abs() ** (1 / 3))


def to_srgb(lab: Tensor) -> Tensor:
    """Return sRGB-encoded colours, 0..1, of Oklab [B, 3, H, W]; one outside sRGB loses chroma, not lightness, until it fits."""
    lab = torch.cat([lab[:, :1].clamp(0, 1), lab[:, 1:]], 1)
    rgb = _encoded(lab)
    outside = ((rgb < -_INSIDE) | (rgb > 1 + _INSIDE)).any(1)
    if bool(outside.any()):
        colors = lab.permute(0, 2, 3, 1)[outside].T[None, :, :, None]
        low, high = torch.zeros_like(colors[:, :1]), torch.ones_like(colors[:, :1])
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            found = _encoded(_with_chroma(colors, middle))
            inside = ((found >= -_INSIDE) & (found <= 1 + _INSIDE)).all(1, keepdim=True)
            low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
        rgb.permute(0, 2, 3, 1)[outside] = _encoded(_with_chroma(colors, low))[0, :, :, 0].T
    return rgb.clamp_(0, 1)


def _with_chroma(lab: Tensor, share: Tensor) -> Tensor:
    return torch.cat([lab[:, :1], lab[:, 1:] * share], 1)


def _encoded(lab: Tensor) -> Tensor:
    """Oklab → sRGB-encoded, not clipped."""
    cones = _times(_inverse(_TO_LAB), lab) ** 3
    linear = _times(_inverse(_TO_CONES), cones)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def _inverse(matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    inverse = torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64, device="cpu"))
    return tuple(tuple(row) for row in inverse.tolist())


def _times(matrix: tuple[tuple[float, ...], ...], x: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", torch.tensor(matrix, dtype=x.dtype, device=x.device), x)
