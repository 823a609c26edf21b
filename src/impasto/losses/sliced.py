"""Style by distributions of features along directions: the Wasserstein-2 distance of what they are projected to, averaged.

J = 1/(K·n) Σ_k Σ_i (sort(⟨f, d_k⟩)_i − Q_k((i + ½)/n))², with Q_k the style's quantiles along d_k.

- sliced: K = C directions at right angles, turned at random (Heitz et al., A Sliced Wasserstein Loss for Neural Texture
  Synthesis, 2021, arXiv 2006.07229).  They are fixed, where the paper draws new ones each step: L-BFGS needs one function.
- histogram: the directions are the channels (Risser, Wilmot, Barnes 2017, arXiv 1701.08893: the distance to the features
  whose histograms were matched).  Quantiles stand for the histograms: they have no bins, and blend.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.losses.statistic import Statistic
from impasto.losses.whole import features_of, kept
from impasto.torch_modes import own_torch_modes

Directions = Literal["sliced", "histogram"]

VERSION: Final = 2
"""Of quantiles and directions: one more whenever these change, so that none which were kept from before are taken for them."""

_MOST: Final = 1024
"""Quantiles of a style: as many as it has positions, up to this."""

_NUMBERS: Final = 1 << 20
"""Projections that are sorted at a time: 4 MB, and some ten times that while they get their quantiles."""


@cache
@own_torch_modes()
def directions(channels: int) -> Tensor:
    """Return [C, C] in float32 on the CPU: vectors at right angles to each other, turned at random, always alike."""
    generator = torch.Generator().manual_seed(0)
    found: Tensor = torch.linalg.qr(torch.randn(channels, channels, generator=generator, dtype=torch.float64, device="cpu"))[
        0
    ].float()
    return found


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
    order = values.argsort(1)
    if weight is None:
        levels = _levels(values.shape[1], values.device)
    else:
        mass = weight[order] if values.device.type == "mps" else weight.double()[order]
        levels = (mass.cumsum(1) - mass / 2) / mass.sum(1, keepdim=True)
    return torch.empty_like(values).scatter_(1, order, at_levels(quantiles, levels))


class _Distance(torch.autograd.Function):
    """The distance and, found with it, its slope at the features: so nothing is kept of projections and their orders.

    Which quantile a position gets is a constant of the slope, as it may: it is the one for which the distance is least.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, quantiles: Tensor, along: Tensor | None, weight: Tensor | None) -> Tensor:
        share = 1 / rows.shape[1] if weight is None else weight / weight.sum()
        slope, total = torch.zeros_like(rows), rows.new_zeros(())
        step = max(1, _NUMBERS // max(1, rows.shape[1]))
        for some in (slice(start, start + step) for start in range(0, len(quantiles), step)):
            values = rows[some] if along is None else along[some] @ rows
            away = values - matched(values, quantiles[some], weight)
            total += (away.square() * share).sum()
            away *= share
            if along is None:
                slope[some] += away
            else:
                slope.addmm_(along[some].T, away)
        ctx.save_for_backward(slope.mul_(2 / len(quantiles)))
        return total / len(quantiles)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return upstream * slope, None, None, None


def sliced_distance(features: Tensor, quantiles: Tensor, along: Directions, weight: Tensor | None = None) -> Tensor:
    """Of features [1, C, H, W] to quantiles [K, Q]; weight: [H, W], 0 or more, or None for 1.

    Raises ValueError for quantiles along another number of directions.
    """
    rows = features[0].flatten(1)
    vectors = None if along == "histogram" else directions(len(rows)).to(rows)
    count = len(rows) if vectors is None else len(vectors)
    if count != len(quantiles):
        raise ValueError(f"expected quantiles along {count} directions, got {len(quantiles)}")
    found: Tensor = _Distance.apply(  # type: ignore[no-untyped-call]
        rows, quantiles.to(rows), vectors, None if weight is None else weight.flatten().to(rows)
    )
    return found


@dataclass(frozen=True)
class SlicedTerm:
    """Style at one layer against quantiles [K, Q]; `guide` as in GramTerm."""

    layer: str
    target: Tensor
    along: Directions
    guide: Tensor | None = None

    def compare(self, features: Tensor) -> Tensor:
        """The distance of features [1, C, H, W]."""
        return sliced_distance(features, self.target, self.along, self.guide)

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
