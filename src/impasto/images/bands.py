"""Bands of rows: work that does not need a whole picture at once is done a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

PIXELS: Final = 2**20
"""A band in float32 is 12 MiB, some caches large: wider gains no time, and memory stays that of the picture's own pixels."""

MOST_ROWS: Final = 256
"""A band of a narrow picture; the resizing multiplies by a matrix of the band's rows, mostly zeros when they are many."""


def bands(height: int, width: int) -> Iterator[slice]:
    """Yield the rows 0..height from top to bottom, at least one row and about PIXELS pixels at a time."""
    rows = max(1, min(PIXELS // width, MOST_ROWS))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
