"""Total variation of the pixels: (Σ |x_{i+1,j} − x_{i,j}| + Σ |x_{i,j+1} − x_{i,j}|) / (3·H·W), anisotropic.

Rudin, Osher, Fatemi 1992, in the l1 form that neural-style uses; there it is the sum over pixels of 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from impasto.losses.statistic import PIXELS, Statistic
from impasto.torch_modes import exact_arithmetic


def variation_sum(rgb: Tensor) -> Tensor:
    """Σ |∂x| of rgb [B, 3, H, W] over all neighbours, down and right → scalar."""
    down = (rgb[:, :, 1:, :] - rgb[:, :, :-1, :]).abs().sum()
    right = (rgb[:, :, :, 1:] - rgb[:, :, :, :-1]).abs().sum()
    return down + right


@exact_arithmetic()
def total_variation(rgb: Tensor) -> Tensor:
    """J_variation of rgb [B, 3, H, W], sRGB-encoded, 0..1 → scalar, averaged over all values; 0 for a constant picture."""
    return variation_sum(rgb) / rgb.numel()


@dataclass(frozen=True)
class VariationTerm:
    """Variation of the picture, or of some rows of it; has no target."""

    reduction: Literal["mean", "sum"] = "mean"
    rows: int | None = None
    columns: int | None = None
    """How many rows and columns are its own, if not all: what is below and right of them is compared with, but not counted."""

    layer: str = field(init=False, default=PIXELS)
    reach: int = field(init=False, default=1)

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """(Σ |∂x|, number of values) of the picture [1, 3, H, W]; a weight holds for the upper or left pixel of a pair."""
        own = features[:, :, : self.rows, : self.columns]
        down, right = (_difference(*pair).abs_() for pair in self._pairs(features))
        if weight is not None:
            down *= weight[: down.shape[2], : own.shape[3]]
            right *= weight[: own.shape[2], : right.shape[3]]
        return Statistic(down.sum() + right.sum(), own.numel())

    def pull(self, features: Tensor, upstream: Tensor, into: Tensor | None) -> Tensor:
        """Σ of ± 1 at both pixels of each pair, 0 where they are equal; times what comes from above."""
        into = torch.zeros_like(features) if into is None else into
        for values, slopes in zip(self._pairs(features), self._pairs(into), strict=True):
            sign = _difference(*values).sign_().mul_(upstream)
            slopes[0].sub_(sign)
            slopes[1].add_(sign)
        return into

    def _pairs(self, x: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Upper and lower, left and right pixels of the pairs that are its own."""
        own = x[:, :, : self.rows, : self.columns]
        lower = x[:, :, 1 : own.shape[2] + 1, : self.columns]
        right = x[:, :, : self.rows, 1 : own.shape[3] + 1]
        return (own[:, :, : lower.shape[2]], lower), (own[:, :, :, : right.shape[3]], right)

    def score(self, total: Statistic) -> Tensor:
        """The mean, or the sum in units of 0..255."""
        return total.total * 255 if self.reduction == "sum" else total.mean()

    def part(self, rows: slice, columns: slice) -> VariationTerm:
        """The term for some rows and columns; its features are those, and the row below and the column right where there are."""
        high, wide = (None if own.stop is None else own.stop - (own.start or 0) for own in (rows, columns))
        return replace(self, rows=high, columns=wide) if (high, wide) != (None, None) else self


def _difference(one: Tensor, other: Tensor) -> Tensor:
    return other - one
