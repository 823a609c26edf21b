"""Content by self-similarity: how alike the positions of a layer are to each other, not what they are.

J = (1/n²) Σ_ij h(n·(D_ij(G)/Σ_i D_ij(G) − D_ij(C)/Σ_i D_ij(C))), D_ij = 1 − cos(f_i, f_j), over n positions at random, always
alike, and h(x) = √(x² + ε²) − ε.
Kolkin, Salavon, Shakhnarovich: STROTSS, 2019 (arXiv 1904.12785); there divided by n² rather than n: a column sums to 1, so that
would fall with the number of positions; and with |x| in the place of h(x), whose kink lies just where a run starts, at the
photograph: there its slope says nothing, and no step of L-BFGS goes down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from impasto.losses.matching import some_positions, units
from impasto.losses.statistic import Statistic
from impasto.losses.whole import features_of, kept

_TINY: Final = 1e-8
"""Added to each distance, so that a layer whose positions are all alike has shares, too."""


_SMOOTH: Final = 0.1
"""ε, in units of the mean share 1/n."""


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Of shares [n, n]: the formula above."""
    away = len(one) * (one - other)
    return ((away.square() + _SMOOTH**2).sqrt() - _SMOOTH).mean()


def self_similarity(features: Tensor) -> Tensor:
    """D_ij/Σ_i D_ij of some positions of features [1, C, H, W] → [n, n]; 1/n each where all are alike."""
    rows = features[0].flatten(1)
    rows = rows[:, some_positions(rows.shape[1]).to(rows.device)].T
    unit = units(rows, like=rows.detach())
    # A position is at distance 0 from itself, whatever rounding or the floor of its length says.
    others = 1 - torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
    distances = (1 - unit @ unit.T).clamp_min(0) * others + _TINY
    return distances / distances.sum(0)


@dataclass(frozen=True)
class SelfSimilarityTerm:
    """Content at one layer of `size` (height, width) against the photograph's `self_similarity` [n, n]."""

    layer: str
    target: Tensor
    size: tuple[int, int]

    def compare(self, features: Tensor) -> Tensor:
        """The distance of features [1, C, H, W]; raises ValueError for another size."""
        if tuple(features.shape[2:]) != self.size:
            raise ValueError(
                f"content is compared position by position: expected {list(self.size)} of them, got {list(features.shape[2:])}"
            )
        found = self_similarity(features)
        return _apart(found, self.target.to(found.dtype))

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """The features themselves."""
        del weight
        return kept([features])

    def score(self, total: Statistic) -> Tensor:
        """The distance."""
        return self.compare(features_of(total))

    def part(self, rows: slice, columns: slice) -> SelfSimilarityTerm:
        """Itself: it is compared as a whole only."""
        del rows, columns
        return self

    @property
    def nothing(self) -> Tensor:
        """The distance of a picture in which any two positions are as unlike as any others."""
        return _apart(torch.full_like(self.target, 1 / len(self.target)), self.target)
