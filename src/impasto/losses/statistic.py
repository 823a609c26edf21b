"""The one contract: a term measures features into a statistic that adds over pixels, and scores the merged statistic.

One picture, many tiles, many processes, several styles and masks are one code path with different ways to add.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import torch
from torch import Tensor

PIXELS: Final = "pixels"
"""The name of the layer before the network: the picture itself, sRGB-encoded, 0..1."""


@dataclass(frozen=True)
class Statistic:
    """A sum over positions and their count: what a term keeps of some features."""

    total: Tensor
    count: float

    def __add__(self, other: Statistic) -> Statistic:
        """The statistic of both sets of positions together."""
        return Statistic(self.total + other.total, self.count + other.count)

    def mean(self) -> Tensor:
        """The average over positions."""
        return self.total / self.count


class Term(Protocol):
    """One loss at one layer."""

    @property
    def layer(self) -> str:
        """The layer measured, or PIXELS."""

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """Features [1, C, H, W] → statistic, weighted per position by a mask [H, W] where one is given."""

    def score(self, total: Statistic) -> Tensor:
        """Merged statistic → scalar."""

    def part(self, rows: slice, columns: slice) -> Term:
        """The same term for features that are only these of the layer's: with a target cut alike, where positions matter."""


@runtime_checkable
class Reaches(Protocol):
    """A term of the picture whose parts look at so many rows below their own, where there are any."""

    @property
    def reach(self) -> int:
        """Rows."""


@runtime_checkable
class Pulls(Protocol):
    """A term that knows the gradient of its measure, and can add it to another in place."""

    def pull(self, features: Tensor, upstream: Tensor, into: Tensor | None) -> Tensor:
        """What `pull` below says."""


def pull(term: Term, features: Tensor, upstream: Tensor, into: Tensor | None = None) -> Tensor:
    """The gradient at features [1, C, H, W] of ⟨upstream, total of measure(features)⟩, added to `into` in place where given.

    Autograd's, unless the term has a way of its own.
    """
    if isinstance(term, Pulls):
        found = term.pull(features, upstream, into)
        return found if into is None or found is into else into.copy_(found)
    with torch.enable_grad():
        leaf = features.detach().requires_grad_()
        (own,) = torch.autograd.grad(term.measure(leaf).total, leaf, upstream)
    # Autograd's may be a view of one number for all positions, into which nothing can be added.
    return torch.zeros_like(features).add_(own) if into is None else into.add_(own)
