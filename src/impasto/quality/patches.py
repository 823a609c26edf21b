"""How far the small patches of two pictures are apart, without any network: sliced Wasserstein distance of a Laplacian pyramid.

At each level 7×7 patches, whose colour channels get mean 0 and deviation 1, are projected on directions at random; of each
direction the Wasserstein-1 distance, all averaged.  Karras, Aila, Laine, Lehtinen: Progressive Growing of GANs (ICLR 2018,
arXiv 1710.10196), there times 1,000, and of many pictures.  It sees strokes and grain, not colours as such.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.losses.sliced import resampled

_PATCH_PX: Final = 7
_SMALLEST_PX: Final = 16
"""The short side of the coarsest level."""

_PATCHES: Final = 4096
_DIRECTIONS: Final = 256


def patch_distance(one: Tensor, other: Tensor) -> float:
    """Of pictures [1, 3, H, W], sRGB-encoded, 0..1, of any sizes, 7 px a side at least; 0 for the same."""
    distances = []
    for left, right in zip(_pyramid(one), _pyramid(other), strict=False):
        ours, theirs = (_projected(band) for band in (left, right))
        count = min(ours.shape[1], theirs.shape[1])
        distances.append(float((resampled(ours, count) - resampled(theirs, count)).abs().mean()))
    return sum(distances) / len(distances)


def _pyramid(rgb: Tensor) -> list[Tensor]:
    """Laplacian levels, fine to coarse; the last is what is left."""
    levels, rest = [], rgb
    while min(rest.shape[2:]) >= 2 * _SMALLEST_PX:
        coarser = F.avg_pool2d(rest, 2)
        levels.append(rest - F.interpolate(coarser, size=rest.shape[2:], mode="bilinear", align_corners=False))
        rest = coarser
    return [*levels, rest]


def _projected(level: Tensor) -> Tensor:
    """Return projected patches [directions, patches], in order."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = (side - _PATCH_PX + 1 for side in level.shape[2:])
    chosen = torch.randperm(rows * columns, generator=generator, device="cpu")[:_PATCHES]
    windows = level[0].unfold(1, _PATCH_PX, 1).unfold(2, _PATCH_PX, 1)
    patches = windows[:, chosen // columns, chosen % columns].transpose(0, 1)
    mean = patches.mean((0, 2, 3), keepdim=True)
    patches = (patches - mean) / patches.std((0, 2, 3), keepdim=True, correction=0).clamp_min(1e-4)
    directions = torch.randn(
        _DIRECTIONS, patches[0].numel(), generator=torch.Generator().manual_seed(1), dtype=torch.float32, device="cpu"
    )
    along = directions / directions.norm(dim=1, keepdim=True)
    ordered: Tensor = (along @ patches.flatten(1).T).sort(1).values
    return ordered
