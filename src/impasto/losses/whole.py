"""Terms that are no sums over positions: they compare all positions of a layer with each other, or put them into an order.

Their statistic is the layer's features themselves, and its slope the gradient there: so the account of an evaluation gathers and
hands out theirs as all others', but nothing is saved by tiles, and these are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import torch
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.losses.statistic import Statistic, Term


@runtime_checkable
class Compares(Protocol):
    """A term that sees a layer's features all at once; its measure gives these themselves, and its score compares them."""

    def compare(self, features: Tensor) -> Tensor:
        """Features [1, C, H, W] of the whole layer → scalar."""


def features_of(total: Statistic) -> Tensor:
    """What `kept` kept."""
    return total.total


def kept(bands: Sequence[Tensor]) -> Statistic:
    """A layer's features [1, C, H, W] as a statistic, from its bands of rows, top to bottom."""
    features = bands[0] if len(bands) == 1 else torch.cat(list(bands), 2)
    return Statistic(features, features.shape[2] * features.shape[3])


def require_sums(terms: Sequence[Term], *, by: str) -> None:
    """Raises InvalidSettings where a term is no sum over positions; `by`: who needs that, in words."""
    names = sorted({type(term).__name__ for term in terms if isinstance(term, Compares)})
    if names:
        raise InvalidSettings(f"{', '.join(names)}: {ADVICE.format(by=by)}")


ADVICE: Final = (
    "this loss compares all positions of a layer at once, so {by} cannot compute it; use a smaller --size, or a loss that is a "
    "sum: --style-loss gram, centered or moments, --content-loss features or laplacian"
)
