"""How a picture is divided among processes: each owns a band of rows, and sees some more around it.

Bands are cut at multiples of the deepest stride, so that poolings meet the same cells as in the whole picture.  A process may own
nothing where there are fewer rows of cells than processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from impasto.evaluate.geometry import Span


@dataclass(frozen=True)
class Division:
    """Bands of a picture of `size` (height, width), one a process, top to bottom."""

    size: tuple[int, int]
    bands: tuple[Span, ...]

    def shape(self, rank: int) -> tuple[int, int, int, int]:
        """Of a process's band, [1, 3, rows, width]."""
        return 1, 3, rows(self.bands[rank]), self.size[1]

    def near(self, rank: int, *, above: int, below: int) -> Span:
        """A process's band with so many rows above and below it, as far as the picture goes; nothing around nothing."""
        band = self.bands[rank]
        if rows(band) == 0:
            return band
        return Span(max(0, band.start - above), min(self.size[0], band.stop + below))


def divide(size: tuple[int, int], shares: Sequence[float], *, stride: int) -> Division:
    """Bands with heights in proportion to the shares (0 or more, not all 0), rounded to whole cells of a stride.

    What is left below the last row of cells belongs to the band of that row.
    """
    height, cells = size[0], size[0] // stride
    cuts = [round(part * cells) for part in fractions(shares)]
    ends = [height if cut >= cells else cut * stride for cut in cuts]
    return Division(size, tuple(Span(start, stop) for start, stop in pairwise([0, *ends])))


def fractions(shares: Sequence[float]) -> list[float]:
    """The sums of the first shares, by that of all: the last is 1."""
    sums = list(accumulate(shares))
    return [*(one / sums[-1] for one in sums[:-1]), 1.0]


def rows(span: Span) -> int:
    """How many."""
    return span.stop - span.start


def both(one: Span, other: Span) -> Span:
    """The rows that lie in both; none, where there are none."""
    start = max(one.start, other.start)
    return Span(start, max(start, min(one.stop, other.stop)))
