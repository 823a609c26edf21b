"""What each style loss keeps of a style, how several are blended in that, and the term that compares with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import Tensor

from impasto.losses import gram, matching, sliced
from impasto.losses.gram import GramTerm, measure_gram
from impasto.losses.matching import MatchingTerm
from impasto.losses.moments import MomentTerm, measure_moments
from impasto.losses.sliced import SlicedTerm
from impasto.losses.statistic import Statistic

Kind = Literal["gram", "moments", "sliced", "histogram", "samples"]
"""What is kept of a style."""

Loss = Literal["gram", "centered", "moments", "sliced", "histogram", "nearest", "ot"]

StyleTerm = GramTerm | MomentTerm | SlicedTerm | MatchingTerm

KIND_OF: Final[Mapping[Loss, Kind]] = {
    "gram": "gram",
    "centered": "moments",
    "moments": "moments",
    "sliced": "sliced",
    "histogram": "histogram",
    "nearest": "samples",
    "ot": "samples",
}

SUMS: Final[Mapping[str, Callable[[Tensor, Tensor | None], Statistic]]] = {"gram": measure_gram, "moments": measure_moments}
"""Kinds that are sums over positions, and are measured piece by piece."""

SUMMARIES: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "sliced": partial(sliced.quantiles_of, along="sliced"),
    "histogram": partial(sliced.quantiles_of, along="histogram"),
    "samples": matching.samples_of,
}
"""All others, of all positions at once, wherever these stand: features [1, C, 1, n]."""


def version_of(kind: Kind) -> list[Any]:
    """What tells a kept statistic of this kind from one that is defined otherwise."""
    return [kind, gram.VERSION, *({"samples": [matching.VERSION]}.get(kind, [] if kind in SUMS else [sliced.VERSION]))]


def mixed(kind: Kind, own: Sequence[Tensor], weights: Sequence[float] | None) -> Tensor:
    """One layer's statistic of several styles by weights above 0; None is alike.

    Gram matrices, moments and quantiles in their weighted mean; samples in a union of so many of each.
    """
    shares = [1 / len(own)] * len(own) if weights is None else [weight / sum(weights) for weight in weights]
    if kind == "samples":
        return matching.union(own, shares)
    if kind in {"sliced", "histogram"}:
        most = max(one.shape[1] for one in own)
        own = [sliced.resampled(one, most) for one in own]
    if weights is None:
        return torch.stack(list(own)).mean(0)
    return sum((share * one for share, one in zip(shares, own, strict=True)), start=torch.zeros_like(own[0]))


def style_term(loss: Loss, layer: str, target: Tensor, guide: Tensor | None) -> StyleTerm:
    """The term of a loss against a statistic of its kind; guide: as in GramTerm."""
    match loss:
        case "gram":
            return GramTerm(layer, target, guide)
        case "centered" | "moments":
            return MomentTerm(layer, target, loss, guide)
        case "sliced" | "histogram":
            return SlicedTerm(layer, target, loss, guide)
        case "nearest" | "ot":
            return MatchingTerm(layer, target, loss, guide)


def of_nothing(term: StyleTerm) -> Tensor:
    """A term's score for features that have nothing of the style: that are all 0, where that has a score."""
    if isinstance(term, SlicedTerm | MatchingTerm):
        return term.nothing
    nothing = torch.zeros_like(term.target)
    if isinstance(term, MomentTerm):
        nothing[-1, -1] = 1
    return term.distance(nothing)


def stand_in(kind: Kind, channels: int) -> Tensor:
    """Return a statistic of no style, of the usual size: what a step costs does not depend on it."""
    if kind in SUMS:
        return torch.eye(channels + (kind == "moments"), dtype=torch.float32, device="cpu")
    generator = torch.Generator().manual_seed(0)
    return SUMMARIES[kind](torch.rand(1, channels, 1, 1024, generator=generator, dtype=torch.float32, device="cpu"))
