"""Whose colours a picture has: the style's, the content's, or the style's moved to the content's.

Gatys, Bethge, Hertzmann, Shechtman: Preserving Color in Neural Artistic Style Transfer (arXiv 1606.05897), there in RGB and in
YIQ; here in Oklab.  Mean and covariance are moved by the map of optimal transport between two Gaussians instead of the paper's
Cholesky factors or principal axes: of all linear maps with the right result it changes colours least.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from impasto.images.bands import bands
from impasto.images.colors.oklab import to_oklab, to_srgb

_LEAST: Final = 0.01
"""Standard deviation, in Oklab, that every picture is taken to have at least: a grey one has no colours to be spread."""


class Recoloring(NamedTuple):
    """x → matrix·x + offset in Oklab: [3, 3] and [3]."""

    matrix: Tensor
    offset: Tensor


def matching(rgb: Tensor, target: Tensor) -> Recoloring:
    """What gives the colours of rgb the mean and covariance of those of the target; both [1, 3, H, W], sRGB-encoded, 0..1.

    A = Σ^(−½) (Σ^½ Σ_T Σ^½)^½ Σ^(−½).  Covariances are raised by 0.01² in every direction, so that grey and flat pictures do no
    harm.
    """
    (mean, spread), (to_mean, to_spread) = (_moments(picture) for picture in (rgb, target))
    root = _power(spread, 0.5)
    inverse = _power(spread, -0.5)
    matrix = inverse @ _power(root @ to_spread @ root, 0.5) @ inverse
    return Recoloring(matrix, to_mean - matrix @ mean)


def matching_lightness(rgb: Tensor, target: Tensor) -> Recoloring:
    """Return what leaves lightness only, with the mean and standard deviation of the target's."""
    (mean, spread), (to_mean, to_spread) = (_moments(picture) for picture in (rgb, target))
    gain = (to_spread[0, 0] / spread[0, 0]).sqrt()
    matrix, offset = (torch.zeros(shape, dtype=torch.float64, device="cpu") for shape in ((3, 3), (3,)))
    matrix[0, 0], offset[0] = gain, to_mean[0] - gain * mean[0]
    return Recoloring(matrix, offset)


def grey() -> Recoloring:
    """Return what leaves lightness only, as it is."""
    lightness = torch.diag(torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64, device="cpu"))
    return Recoloring(lightness, torch.zeros(3, dtype=torch.float64, device="cpu"))


def recolored(rgb: Tensor, recoloring: Recoloring, *, amount: float = 1.0) -> Tensor:
    """Return rgb [1, 3, H, W], sRGB-encoded, 0..1, recoloured by an amount 0..1."""
    matrix = amount * recoloring.matrix + (1 - amount) * torch.eye(3, dtype=torch.float64, device="cpu")
    offset = amount * recoloring.offset
    made = torch.empty_like(rgb)
    for rows in bands(rgb.shape[2], rgb.shape[3]):
        lab = to_oklab(rgb[:, :, rows])
        moved = torch.einsum("ij,bjhw->bihw", matrix.to(lab), lab) + offset.to(lab).view(1, 3, 1, 1)
        made[:, :, rows] = to_srgb(moved)
    return made


def with_chroma_of(rgb: Tensor, other: Tensor, *, amount: Tensor | float = 1.0) -> Tensor:
    """The lightness of rgb with the chroma (a, b) of another picture; both [1, 3, H, W], sRGB-encoded, 0..1.

    `amount`: 0..1, for all or a mask [H, W].
    """
    made = torch.empty_like(rgb)
    for rows in bands(rgb.shape[2], rgb.shape[3]):
        lab, chroma = to_oklab(rgb[:, :, rows]), to_oklab(other[:, :, rows])[:, 1:]
        share = amount[rows] if isinstance(amount, Tensor) else amount
        lab[:, 1:] += share * (chroma - lab[:, 1:])
        made[:, :, rows] = to_srgb(lab)
    return made


def _moments(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean [3] and covariance [3, 3] of the colours in Oklab, in float64."""
    colors = to_oklab(rgb.double()).flatten(2)[0]
    mean = colors.mean(1)
    around = colors - mean[:, None]
    return mean, around @ around.T / colors.shape[1] + _LEAST**2 * torch.eye(3, dtype=torch.float64, device="cpu")


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = (vectors * values.clamp_min(1e-12) ** exponent) @ vectors.T
    return power
