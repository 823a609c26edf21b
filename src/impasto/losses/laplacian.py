"""Content by edges: J = Σ (D(p(x_C)) − D(p(x_G)))² / n, with D the discrete Laplacian and p the mean over cells of the picture.

Li, Xu, Nie, Chua: Laplacian-Steered Neural Style Transfer, 2017 (arXiv 1707.01253), there a sum.  The channels are
added first, so colours are free.  Cells at the border have no Laplacian here: a frame is no edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from impasto.losses.statistic import PIXELS, Statistic


def laplacian(rgb: Tensor, cell_px: int) -> Tensor:
    """Of rgb [1, C, H, W], pooled, its channels summed: [R − 2, S − 2] for R = ⌊H/cell_px⌋, S = ⌊W/cell_px⌋, at least 3."""
    pooled = F.avg_pool2d(rgb, cell_px).sum((0, 1))
    around = pooled[:-2, 1:-1] + pooled[2:, 1:-1] + pooled[1:-1, :-2] + pooled[1:-1, 2:]
    return around - 4 * pooled[1:-1, 1:-1]


def fits(size: tuple[int, int], cell_px: int) -> bool:
    """Whether a picture of a size (height, width) has a Laplacian."""
    return min(size) >= 3 * cell_px


@dataclass(frozen=True)
class LaplacianTerm:
    """Edges of the picture against the photograph's `laplacian`; a cell belongs to the first row of pixels that it looks at."""

    target: Tensor
    cell_px: int
    reduction: Literal["mean", "sum"] = "mean"
    rows: slice | None = None
    """The rows of pixels that are its own; None is all."""

    layer: str = field(init=False, default=PIXELS)

    @property
    def reach(self) -> int:
        """Three rows of cells, but for the first row of pixels."""
        return 3 * self.cell_px - 1

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """(Σ w (D − target)², number of cells) of those of the picture [1, 3, rows and what they reach, W]; weight: [H, W]."""
        start, stop, _ = (slice(None) if self.rows is None else self.rows).indices((len(self.target) + 2) * self.cell_px)
        first, end = (min(-(-row // self.cell_px), len(self.target)) for row in (start, stop))
        if end <= first:
            return Statistic(features[:, :, :0].sum(), 0)
        skipped = first * self.cell_px - start
        # A picture that goes on at its opposite edges has more columns than its target.
        inside = slice(skipped, skipped + (end - first + 2) * self.cell_px), slice((self.target.shape[1] + 2) * self.cell_px)
        squares = (laplacian(features[:, :, *inside], self.cell_px) - self.target[first:end].to(features.dtype)).square()
        if weight is not None:
            squares = squares * F.avg_pool2d(weight[inside][None, None], self.cell_px)[0, 0, 1:-1, 1:-1]
        return Statistic(squares.sum(), squares.numel())

    def score(self, total: Statistic) -> Tensor:
        """The mean, or the paper's sum."""
        return total.total if self.reduction == "sum" else total.mean()

    def part(self, rows: slice, columns: slice) -> LaplacianTerm:
        """The term for some rows; its features are those, and the `reach` rows below where there are any."""
        del columns
        return replace(self, rows=rows)
