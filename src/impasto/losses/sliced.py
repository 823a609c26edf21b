"""Style by distributions of features along directions: the Wasserstein-2 distance of what they are projected to, averaged.

J = 1/(K·n) Σ_k Σ_i (sort(⟨f, d_k⟩)_i − Q_k((i + ½)/n))², with Q_k the style's quantiles along d_k.

- sliced: K = 2·C directions all around (Heitz et al., A Sliced Wasserstein Loss for Neural Texture Synthesis, 2021, arXiv
  2006.07229).  They are fixed, where the paper draws new ones each step: L-BFGS needs one function.
- histogram: the directions are the channels (Risser, Wilmot, Barnes 2017, arXiv 1701.08893: the distance to the features
  whose histograms were matched).  Quantiles stand for the histograms: they have no bins, and blend.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

import torch
from torch import Tensor

from impasto.losses.statistic import Statistic
from impasto.losses.whole import features_of, kept

Directions = Literal["sliced", "histogram"]

VERSION: Final = 1
"""Of quantiles and directions, for those that were kept from before."""

_MOST: Final = 1024
"""Quantiles of a style: as many as it has positions, up to this."""

_SETS: Final = 2
"""Of C directions each: one set sees C numbers of a covariance that has C·(C + 1)/2."""

_NUMBERS: Final = 1 << 23
"""Projections that are sorted at a time: 32 MB, and as much again twice for where they come from."""


@cache
def directions(channels: int) -> Tensor:
    """[K, C] in float32 on the CPU: sets of vectors at right angles to each other, the sets turned at random, always alike."""
    generator = torch.Generator().manual_seed(0)
    sets = [torch.randn(channels, channels, generator=generator, dtype=torch.float64) for _ in range(_SETS)]
    return torch.cat([torch.linalg.qr(one)[0].T for one in sets]).float()


def projected(features: Tensor, along: Directions) -> Tensor:
    """Features [1, C, H, W] along each direction, [K, H·W]."""
    rows = features[0].flatten(1)
    return rows if along == "histogram" else directions(len(rows)).to(rows) @ rows


def at_levels(quantiles: Tensor, levels: Tensor) -> Tensor:
    """Quantiles [K, Q] of (j + ½)/Q, in between and at levels [n] or [K, n] from 0 to 1 → [K, n]; beyond the ends these."""
    last = quantiles.shape[1] - 1
    places = (levels * (last + 1) - 0.5).clamp(0, last)
    lower = places.floor()
    share = (places - lower).to(quantiles)
    below = lower.long().expand(len(quantiles), -1)
    return torch.lerp(quantiles.gather(1, below), quantiles.gather(1, (below + 1).clamp_max(last)), share)


def quantiles_of(features: Tensor, along: Directions) -> Tensor:
    """A style's, [K, Q], of its features [1, C, H, W]."""
    ordered = projected(features, along).sort(1).values
    return resampled(ordered, min(_MOST, ordered.shape[1]))


def resampled(quantiles: Tensor, count: int) -> Tensor:
    """[K, Q] → [K, count]."""
    return quantiles if count == quantiles.shape[1] else at_levels(quantiles, _levels(count, quantiles.device))


def matched(values: Tensor, quantiles: Tensor, weight: Tensor | None = None) -> Tensor:
    """What each of values [K, n] becomes when they get the quantiles [K, Q]; weight: [n], 0 or more, or None for 1."""
    found = torch.empty_like(values)
    step = max(1, _NUMBERS // max(1, values.shape[1]))
    for some in (slice(start, start + step) for start in range(0, len(values), step)):
        order = values[some].argsort(1)
        if weight is None:
            levels = _levels(values.shape[1], values.device)
        else:
            mass = weight.double()[order] if values.device.type != "mps" else weight[order]
            levels = (mass.cumsum(1) - mass / 2) / mass.sum(1, keepdim=True)
        found[some] = torch.empty_like(values[some]).scatter_(1, order, at_levels(quantiles[some], levels))
    return found


def sliced_distance(values: Tensor, quantiles: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean of squares between values [K, n] and what they become; the order is a constant of the gradient, as it may."""
    with torch.no_grad():
        goal = matched(values, quantiles, weight)
    squares = (values - goal).square().mean(0)
    return squares.mean() if weight is None else (squares * weight).sum() / weight.sum()


@dataclass(frozen=True)
class SlicedTerm:
    """Style at one layer against quantiles [K, Q]; `guide` as in GramTerm."""

    layer: str
    target: Tensor
    along: Directions
    guide: Tensor | None = None

    def compare(self, features: Tensor) -> Tensor:
        """The distance of features [1, C, H, W]."""
        weight = None if self.guide is None else self.guide.flatten().to(features.dtype)
        return sliced_distance(projected(features, self.along), self.target.to(features.dtype), weight)

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """The features themselves."""
        del weight
        return kept([features])

    def score(self, total: Statistic) -> Tensor:
        """The distance."""
        return self.compare(features_of(total))

    def part(self, rows: slice, columns: slice) -> SlicedTerm:
        """The term for some rows and columns."""
        return self if self.guide is None else replace(self, guide=self.guide[rows, columns])

    @property
    def nothing(self) -> Tensor:
        """The distance of features that are all 0."""
        return self.target.square().mean()


def _levels(count: int, device: torch.device) -> Tensor:
    return (torch.arange(count, device=device, dtype=torch.float32 if device.type == "mps" else torch.float64) + 0.5) / count
