"""The account of one evaluation: each term's statistic, gathered piece by piece; then its slope, handed out piece by piece.

A piece is some rows and columns of a layer.  Statistics add over positions, so it does not matter what the pieces are, as long as
every position comes once.  The features of layers that are compared as a whole are kept, and their slope is cut into pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from impasto.losses import PIXELS, Compares, Statistic, kept, pull
from impasto.losses.bands import bands
from impasto.objective import Objective, wide

_ALL: Final = slice(None)


class Account:
    """Sums are kept in float64 where the device has it, so that nothing is lost in their being made of many pieces."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._statistics: dict[int, Statistic] = {}
        self._kept: dict[str, list[Tensor]] = {}
        self._slopes: list[Tensor] = []

    def see(self, layer: str, rows: slice, columns: slice, features: Tensor) -> None:
        """Measures a piece; `rows` and `columns` are its place in the whole layer, features [1, C, rows, columns]."""
        terms = {at: self.objective.parts[at].term for at in self.objective.at(layer)}
        if any(isinstance(term, Compares) for term in terms.values()):
            self._kept.setdefault(layer, []).append(features.clone())
        for at, term in terms.items():
            if isinstance(term, Compares):
                continue
            statistic = wide(term.part(rows, columns).measure(features))
            self._statistics[at] = self._statistics[at] + statistic if at in self._statistics else statistic

    def settle(self, merge: Callable[[Sequence[Statistic]], list[Statistic]] = list) -> tuple[Tensor, dict[str, Tensor]]:
        """J and its parts without α, β, γ, when all pieces were seen; from here on `pull` can be asked.

        `merge` adds what others saw.
        """
        for layer in list(self._kept):
            features = kept(self._kept.pop(layer))
            compared = (at for at in self.objective.at(layer) if isinstance(self.objective.parts[at].term, Compares))
            self._statistics.update(dict.fromkeys(compared, features))
        statistics = merge([self._statistics[at] for at in range(len(self.objective.parts))])
        total, parts, self._slopes = self.objective.slopes(statistics)
        return total, parts

    def pull(self, layer: str, rows: slice, columns: slice, features: Tensor, into: Tensor | None) -> Tensor:
        """The gradient of the layer's terms at a piece, added to `into` in place where given."""
        for at in self.objective.at(layer):
            term, slope = self.objective.parts[at].term, self._slopes[at].to(features.dtype)
            if isinstance(term, Compares):
                own = slope[:, :, rows, columns]
                into = own.clone() if into is None else into.add_(own)
            else:
                into = pull(term.part(rows, columns), features, slope, into)
        return torch.zeros_like(features) if into is None else into

    def see_pixels(self, rgb: Tensor, own: slice | None = None, columns: slice = _ALL, *, above: int = 0) -> None:
        """Measures the picture itself, [1, 3, H, W], or those of its rows and columns that are our own.

        `above`: how many of the picture's rows lie above rgb.
        """
        for rows, seen in self._bands(rgb, own):
            self.see(PIXELS, _moved(rows, above), columns, seen)

    def pull_pixels(
        self, rgb: Tensor, gradient: Tensor, own: slice | None = None, columns: slice = _ALL, *, above: int = 0
    ) -> Tensor:
        """The gradient, with that of the picture's own terms added in place."""
        for (rows, seen), (_, into) in zip(self._bands(rgb, own), self._bands(gradient, own), strict=True):
            self.pull(PIXELS, _moved(rows, above), columns, seen, into)
        return gradient

    def _bands(self, rgb: Tensor, own: slice | None) -> Iterator[tuple[slice, Tensor]]:
        terms = [self.objective.parts[at].term for at in self.objective.at(PIXELS)]
        return bands(rgb, terms, own) if terms else iter(())


def _moved(rows: slice, by: int) -> slice:
    return slice(rows.start + by, rows.stop + by)
