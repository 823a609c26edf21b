"""Style by matching positions: each position of the picture is drawn to the one of the style that is most like it.

With s_j some of the style's positions, D(f, s) = 1 − cos(f, s):

- nearest: J = (1/n) Σ_i min_j D(f_i − μ, s_j − μ_S), μ and μ_S the means (Kolkin et al., Neural Neighbor Style Transfer, 2022,
  arXiv 2203.13215, without its augmentations and its colours).  Each side is centred by its own mean: by the style's, all of a
  pale picture would be nearest to few of the style's positions, and take one colour.
- ot: J = max((1/n) Σ_i min_j D, (1/m) Σ_j min_i D) + |μ − μ_S|₁/|μ_S|₁ + |Σ − Σ_S|₁/|Σ_S|₁ (Kolkin, Salavon, Shakhnarovich,
  Style Transfer by Relaxed Optimal Transport and Self-Similarity, 2019, arXiv 1904.12785, without its
  palette).  There the moments are divided by numbers of channels; relative to the style's they mean the same at any layer.

Which positions match is found without gradients, some positions at a time; then the minimum's gradient is that of its pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor

from impasto.losses.statistic import Statistic
from impasto.losses.whole import features_of, kept

Match = Literal["nearest", "ot"]

VERSION: Final = 1
"""Of which positions are taken, for those that were kept from before."""

MOST: Final = 1024
"""Positions of a style."""

_SHORT: Final = 0.01
"""Of the mean length of a style's features: what is shorter has no direction of its own."""

_BLOCK: Final = 4096
"""Positions of the picture that are compared with all of the style's at a time: 16 MB."""


def some_positions(count: int, most: int = MOST) -> Tensor:
    """Return at most so many of `count` positions, in an order at random, always alike: [min(most, count)], on the CPU."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0), device="cpu")[:most]


def samples_of(features: Tensor) -> Tensor:
    """A style's, [m, C], of its features [1, C, H, W]."""
    rows = features[0].flatten(1)
    return rows[:, some_positions(rows.shape[1]).to(rows.device)].T.contiguous()


def union(samples: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Samples [m, C] of several styles, in numbers by their shares; each gives at least one."""
    counts = [max(1, round(share * MOST)) for share in shares]
    # A small style has fewer than its share: all others give less then, too.
    fewer = min([1.0, *(len(one) / count for one, count in zip(samples, counts, strict=True))])
    return torch.cat([one[: max(1, round(fewer * count))] for one, count in zip(samples, counts, strict=True)])


class Pairs(NamedTuple):
    """Of each row of the picture the style's most alike, [n], and of each of the style's the picture's, [m]."""

    to_style: Tensor
    to_picture: Tensor


def pairs(rows: Tensor, samples: Tensor, allowed: Tensor | None = None) -> Pairs:
    """By the cosine of rows [n, C] and samples [m, C]; `allowed`: [n], which rows the style's positions may take, None is all."""
    unit = units(samples, like=samples)
    to_style = torch.empty(len(rows), dtype=torch.long, device=rows.device)
    best = torch.full((len(samples),), -torch.inf, dtype=rows.dtype, device=rows.device)
    to_picture = torch.zeros(len(samples), dtype=torch.long, device=rows.device)
    for start in range(0, len(rows), _BLOCK):
        some = slice(start, min(start + _BLOCK, len(rows)))
        cosines = units(rows[some], like=samples) @ unit.T
        to_style[some] = cosines.argmax(1)
        if allowed is not None:
            cosines = cosines.masked_fill(~allowed[some, None], -torch.inf)
        found = cosines.max(0)
        better = found.values > best
        best = torch.where(better, found.values, best)
        to_picture = torch.where(better, found.indices + start, to_picture)
    return Pairs(to_style, to_picture)


def units(rows: Tensor, *, like: Tensor) -> Tensor:
    """Rows [n, C] of length 1; those much shorter than the rows `like` stay shorter: the slope at 0 would be infinite."""
    floor = _SHORT * torch.linalg.vector_norm(like, dim=1).mean().clamp_min(1e-12)
    return rows / torch.maximum(torch.linalg.vector_norm(rows, dim=1, keepdim=True), floor)


def cosine_distance(rows: Tensor, samples: Tensor, at: Tensor | None = None) -> Tensor:
    """1 − cos of rows [n, C] and samples [n, C] → [n], or of those samples [m, C] at [n]; 1 for a row of zeros."""
    unit = units(samples, like=samples)
    return 1 - (units(rows, like=samples) * (unit if at is None else unit[at])).sum(1)


def nearest_distance(rows: Tensor, samples: Tensor, weight: Tensor) -> Tensor:
    """Of rows [n, C] to samples [m, C], weighted [n]; formula above."""
    rows, samples = rows - weight @ rows, samples - samples.mean(0)
    with torch.no_grad():
        to_style = pairs(rows, samples).to_style
    return (weight * cosine_distance(rows, samples, to_style)).sum()


def transport_distance(rows: Tensor, samples: Tensor, weight: Tensor) -> Tensor:
    """The relaxed earth mover's distance of rows [n, C] and samples [m, C], the rows weighted [n]."""
    with torch.no_grad():
        # Where a mask ends softly, no position of the style takes a row that is hardly painted.
        found = pairs(rows, samples, allowed=2 * weight >= weight.max())
    there = (weight * cosine_distance(rows, samples, found.to_style)).sum()
    back = cosine_distance(rows[found.to_picture], samples).mean()
    return torch.maximum(there, back)


def moments_distance(rows: Tensor, samples: Tensor, weight: Tensor) -> Tensor:
    """|μ − μ_S|₁/|μ_S|₁ + |Σ − Σ_S|₁/|Σ_S|₁ of rows [n, C], weighted [n], and samples [m, C]."""
    (mean, covariance), (to_mean, to_covariance) = _moments(rows, weight), _moments(samples, _alike(samples))
    tiny = torch.finfo(rows.dtype).tiny

    def relative(one: Tensor, other: Tensor) -> Tensor:
        return (one - other).abs().sum() / other.abs().sum().clamp_min(tiny)

    return relative(mean, to_mean) + relative(covariance, to_covariance)


def _moments(rows: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    mean = weight @ rows
    centered = rows - mean
    return mean, (centered * weight[:, None]).T @ centered


def _alike(rows: Tensor) -> Tensor:
    return rows.new_full((len(rows),), 1 / len(rows))


@dataclass(frozen=True)
class MatchingTerm:
    """Style at one layer against samples [m, C] of it; `guide` as in GramTerm."""

    layer: str
    target: Tensor
    form: Match
    guide: Tensor | None = None

    def compare(self, features: Tensor) -> Tensor:
        """The distance of features [1, C, H, W]."""
        rows, samples = features[0].flatten(1).T, self.target.to(features.dtype)
        if self.guide is None:
            weight = _alike(rows)
        else:
            rows, weight = rows[self._painted], self.guide.flatten()[self._painted].to(features.dtype)
            weight = weight / weight.sum()
        if self.form == "nearest":
            return nearest_distance(rows, samples, weight)
        return transport_distance(rows, samples, weight) + moments_distance(rows, samples, weight)

    @cached_property
    def _painted(self) -> Tensor:
        if self.guide is None:
            raise ValueError("without a guide all is painted")
        return self.guide.flatten().nonzero()[:, 0]

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """The features themselves."""
        del weight
        return kept([features])

    def score(self, total: Statistic) -> Tensor:
        """The distance."""
        return self.compare(features_of(total))

    def part(self, rows: slice, columns: slice) -> MatchingTerm:
        """The term for some rows and columns."""
        return self if self.guide is None else replace(self, guide=self.guide[rows, columns])

    @property
    def nothing(self) -> Tensor:
        """1: distances are relative already, and that of features that have nothing to do with the style."""
        return torch.ones((), dtype=torch.float32, device="cpu")
