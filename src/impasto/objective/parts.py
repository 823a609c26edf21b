"""Weighted terms and their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from impasto.layers import canonical_layer
from impasto.losses import PIXELS, Reaches, Statistic, Term

PARTS: Final = ("content", "style", "variation")


@dataclass(frozen=True)
class Part:
    """One term, the part of J it belongs to, and its weight within that part (λ over its scale)."""

    part: str
    term: Term
    weight: float


@dataclass(frozen=True)
class Objective:
    """The weighted sum of the terms; `weights` are α, β, γ by part."""

    parts: Sequence[Part]
    weights: Mapping[str, float]

    @property
    def layers(self) -> tuple[str, ...]:
        """The network's layers that some term measures."""
        return tuple(dict.fromkeys(part.term.layer for part in self.parts if part.term.layer != PIXELS))

    @property
    def reach(self) -> int:
        """How many rows below their own the terms of the picture itself look at."""
        return max((part.term.reach for part in self.parts if isinstance(part.term, Reaches)), default=0)

    def at(self, layer: str) -> list[int]:
        """Which parts' terms measure a layer, by its canonical name or PIXELS: their positions."""
        return [at for at, part in enumerate(self.parts) if canonical_layer(part.term.layer) == layer]

    def score(self, statistics: Sequence[Statistic]) -> tuple[Tensor, dict[str, Tensor]]:
        """J, and the parts J_content, J_style, J_variation without α, β, γ, from the merged statistics."""
        sums: dict[str, Tensor] = {}
        for part, statistic in zip(self.parts, statistics, strict=True):
            value = part.weight * part.term.score(statistic)
            sums[part.part] = sums[part.part] + value if part.part in sums else value
        total = torch.stack([self.weights[name] * value for name, value in sums.items()]).sum()
        return total, sums

    def slopes(self, statistics: Sequence[Statistic]) -> tuple[Tensor, dict[str, Tensor], list[Tensor]]:
        """J and its parts, as `score` gives them, and ∂J/∂total for each statistic."""
        with torch.enable_grad():
            loose = [Statistic(statistic.total.detach().requires_grad_(), statistic.count) for statistic in statistics]
            total, parts = self.score(loose)
            upstream = torch.autograd.grad(total, [statistic.total for statistic in loose])
        return total.detach(), {name: value.detach() for name, value in parts.items()}, list(upstream)


EMPHASIS: Final[Mapping[str, float]] = {"nearest": 0.3, "ot": 0.05, "selfsim": 20.0, "laplacian": 500.0}
"""With `normalize="targets"`, what makes a strength mean for a loss about what it means for Gram matrices and features.

Chosen by looking at pictures of several pairs; a loss that is not named needs nothing.
"""


def emphasis(loss: str) -> float:
    """Of a loss by its name."""
    return EMPHASIS.get(loss, 1.0)


def positive(weights: Mapping[str, float]) -> dict[str, float]:
    """Those above 0."""
    return {layer: weight for layer, weight in weights.items() if weight > 0}


def scale_of(value: Tensor, floor: float = 1e-12) -> float:
    """A term's scale; the floor keeps a target without energy (a black picture) from dividing by 0."""
    return max(float(value), floor)
