"""A picture's own terms are measured in bands of rows, not all at once: they need memory of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from torch import Tensor

from impasto.losses.statistic import Reaches, Statistic, Term

_NUMBERS: Final = 1 << 20


def bands(rgb: Tensor, terms: Sequence[Term], own: slice | None = None) -> Iterator[tuple[slice, Tensor]]:
    """Rows of rgb [1, 3, H, W], all or those that are our own, and what of it the terms look at to measure them."""
    reach = max((term.reach for term in terms if isinstance(term, Reaches)), default=0)
    first, end, _ = slice(None).indices(rgb.shape[2]) if own is None else own.indices(rgb.shape[2])
    rows = max(1, _NUMBERS // (3 * rgb.shape[3]))
    for start in range(first, end, rows):
        stop = min(end, start + rows)
        yield slice(start, stop), rgb[:, :, start : stop + reach]


def measure(term: Term, rgb: Tensor) -> Statistic:
    """The statistic of a picture's own term, of the whole picture."""
    pieces = [term.part(rows, slice(None)).measure(seen) for rows, seen in bands(rgb, [term])]
    return Statistic(sum((piece.total for piece in pieces[1:]), pieces[0].total), sum(piece.count for piece in pieces))
