"""Total variation of the pixels: (Σ |x_{i+1,j} − x_{i,j}| + Σ |x_{i,j+1} − x_{i,j}|) / (3·H·W), anisotropic.

Rudin, Osher, Fatemi 1992, in the l1 form that neural-style uses; there it is the sum over pixels of 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from impasto.losses.statistic import PIXELS, Statistic


def variation_sum(rgb: Tensor) -> Tensor:
    """Σ |∂x| of rgb [B, 3, H, W] over all neighbours, down and right → scalar."""
    down = (rgb[:, :, 1:, :] - rgb[:, :, :-1, :]).abs().sum()
    right = (rgb[:, :, :, 1:] - rgb[:, :, :, :-1]).abs().sum()
    return down + right


def total_variation(rgb: Tensor) -> Tensor:
    """J_variation of rgb [B, 3, H, W], sRGB-encoded, 0..1 → scalar, averaged over all values; 0 for a constant picture."""
    return variation_sum(rgb) / rgb.numel()


@dataclass(frozen=True)
class VariationTerm:
    """Variation of the picture; has no target."""

    reduction: Literal["mean", "sum"] = "mean"
    layer: str = field(init=False, default=PIXELS)

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """(Σ |∂x|, number of values) of the picture [1, 3, H, W]; a weight holds for the upper or left pixel of a pair."""
        if weight is None:
            return Statistic(variation_sum(features), features.numel())
        down = ((features[:, :, 1:, :] - features[:, :, :-1, :]).abs() * weight[:-1, :]).sum()
        right = ((features[:, :, :, 1:] - features[:, :, :, :-1]).abs() * weight[:, :-1]).sum()
        return Statistic(down + right, features.numel())

    def pull(self, features: Tensor, upstream: Tensor, into: Tensor | None) -> Tensor:
        """Σ of ± 1 at both pixels of each pair, 0 where they are equal; times what comes from above."""
        into = torch.zeros_like(features) if into is None else into
        for dim in (2, 3):
            least = features.shape[dim] - 1
            sign = torch.sub(features.narrow(dim, 1, least), features.narrow(dim, 0, least)).sign_().mul_(upstream)
            into.narrow(dim, 1, least).add_(sign)
            into.narrow(dim, 0, least).sub_(sign)
        return into

    def score(self, total: Statistic) -> Tensor:
        """The mean, or the sum in units of 0..255."""
        return total.total * 255 if self.reduction == "sum" else total.mean()

    def part(self, rows: slice, columns: slice) -> VariationTerm:
        """Itself: the pixels are always measured whole, since parts would not see the differences between them."""
        del rows, columns
        return self
