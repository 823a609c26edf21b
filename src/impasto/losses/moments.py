"""Style by mean and covariance of features instead of their Gram matrix; both from one statistic, (Σ f, Σ f fᵀ, n).

- centered: Σ_ij (Σ_S − Σ_G)² / (4·C²) of the covariances Σ, so a channel's mean does not count.
- moments: |μ_S − μ_G|² + tr(Σ_S + Σ_G − 2·(Σ_S^½ Σ_G Σ_S^½)^½), the squared Wasserstein-2 distance of two Gaussians, over C
  (Dowson, Landau 1982; for style: Mroueh, Wasserstein Style Transfer, arXiv 1905.12828).

The statistic is the Gram matrix of (f, 1), [C + 1, C + 1], which adds over positions as the covariance itself would not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import torch
from torch import Tensor

from impasto.losses.gram import gram_distance, measure_gram, pull_gram
from impasto.losses.statistic import Statistic

Form = Literal["centered", "moments"]

_FLOOR: Final = 1e-6
"""Added to the eigenvalues under the root, as a share of the target's mean variance: at 0 its slope is infinite."""


def measure_moments(features: Tensor, weight: Tensor | None = None) -> Statistic:
    """(Σ w (f, 1)(f, 1)ᵀ, Σ w) over the positions of features [1, C, H, W]; weight: [H, W], 0 or more, or None for 1."""
    gram = measure_gram(features, weight)
    weighted = features if weight is None else features * weight
    sums = weighted.sum((0, 2, 3))
    side = torch.cat([sums, sums.new_full((1,), gram.count)])
    return Statistic(torch.cat([torch.cat([gram.total, sums[:, None]], 1), side[None]]), gram.count)


def mean_and_covariance(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Of averaged moments [C + 1, C + 1]: [C] and [C, C]."""
    mean = moments[:-1, -1]
    return mean, moments[:-1, :-1] - torch.outer(mean, mean)


def wasserstein_2(moments: Tensor, target: Tensor, root: Tensor) -> Tensor:
    """The squared distance of two Gaussians with averaged moments [C + 1, C + 1]; `root`: the target's Σ^½, [C, C]."""
    (mean, covariance), (to_mean, to_covariance) = mean_and_covariance(moments), mean_and_covariance(target)
    floor = _FLOOR * to_covariance.diagonal().mean().clamp_min(1e-12)
    between = root @ covariance @ root
    roots = (torch.linalg.eigvalsh((between + between.T) / 2).clamp_min(0) + floor**2).sqrt() - floor
    spread: Tensor = covariance.trace() + to_covariance.trace() - 2 * roots.sum()
    return (mean - to_mean).square().sum() + spread


@dataclass(frozen=True)
class MomentTerm:
    """Style at one layer against averaged moments [C + 1, C + 1]; `guide` as in GramTerm."""

    layer: str
    target: Tensor
    form: Form
    guide: Tensor | None = None

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """The moments of features [1, C, H, W]."""
        if self.guide is not None:
            weight = self.guide if weight is None else self.guide * weight
        return measure_moments(features, weight)

    def score(self, total: Statistic) -> Tensor:
        """The distance of `form`."""
        return self.distance(total.mean())

    def distance(self, moments: Tensor) -> Tensor:
        """Of averaged moments [C + 1, C + 1] to the target."""
        target = self.target.to(moments.dtype)
        if self.form == "centered":
            return gram_distance(mean_and_covariance(moments)[1], mean_and_covariance(target)[1])
        return wasserstein_2(moments, target, self._root.to(moments.dtype)) / (len(target) - 1)

    def part(self, rows: slice, columns: slice) -> MomentTerm:
        """The term for some rows and columns."""
        return self if self.guide is None else replace(self, guide=self.guide[rows, columns])

    def pull(self, features: Tensor, upstream: Tensor, into: Tensor | None) -> Tensor:
        """w·((Ḡ + Ḡᵀ)·F + m̄), added to `into`: Ḡ is the slope at Σ f fᵀ, m̄ that at Σ f."""
        symmetric = upstream + upstream.T
        into = pull_gram(features, symmetric[:-1, :-1], into, self.guide)
        slope = symmetric[:-1, -1].view(1, -1, 1, 1)
        return into.add_(slope if self.guide is None else slope * self.guide)

    @cached_property
    def _root(self) -> Tensor:
        values, vectors = torch.linalg.eigh(mean_and_covariance(self.target.double())[1])
        root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
        return root
