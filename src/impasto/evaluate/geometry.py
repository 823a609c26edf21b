"""Tiles of a picture, such that a tile's window tells its features exactly.

A tile counts the cells of its core.  Their features need the pixels of a window around it: every convolution up to the deepest
layer reaches one cell of its own stride further, so the margin is the padding summed over them (VGG-19: conv4_2 38 px, conv5_1
70 px).  Since poolings must meet the same cells, cores and windows begin at multiples of the deepest stride (40 and 80 px then).
Where a measured layer is behind, less is left to reach, and what is not needed any more is trimmed off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from impasto.vgg.architecture import Architecture


@dataclass(frozen=True)
class Span:
    """Pixels start .. stop − 1 along one side of the picture."""

    start: int
    stop: int

    def cells(self, stride: int) -> slice:
        """The cells of a layer that lie in it; an end cut off by pooling has none."""
        return slice(self.start // stride, self.stop // stride)


@dataclass(frozen=True)
class Side:
    """Core and window of a tile along one side."""

    core: Span
    window: Span

    def trimmed(self, margin: int | None) -> Span:
        """The window with at most that margin."""
        if margin is None:
            return self.window
        return Span(max(self.window.start, self.core.start - margin), min(self.window.stop, self.core.stop + margin))


@dataclass(frozen=True)
class Piece:
    """Rows and columns of a layer, and their indices in the features at hand."""

    rows: slice
    columns: slice
    inside: tuple[slice, slice, slice, slice]

    @property
    def any(self) -> bool:
        """Whether there are cells in it."""
        return bool(self.rows.stop > self.rows.start and self.columns.stop > self.columns.start)


@dataclass(frozen=True)
class Tile:
    """Rows and columns of one tile."""

    rows: Side
    columns: Side

    @property
    def window(self) -> tuple[slice, slice, slice, slice]:
        """Indices of the window in a tensor [1, C, H, W]."""
        return self.window_in(0)

    def window_in(self, before: int) -> tuple[slice, slice, slice, slice]:
        """Likewise in a tensor that has so many rows and columns before the picture."""
        rows, columns = self.rows.window, self.columns.window
        high, wide = (slice(span.start + before, span.stop + before) for span in (rows, columns))
        return slice(None), slice(None), high, wide

    def core_in(self, rows: slice, stride: int, margin: int | None = None) -> Piece:
        """Where the core lies in some rows of its window's features of a layer; `margin`: what they were trimmed to."""
        high, wide = self._trimmed(margin)
        core, window = self.rows.core.cells(stride), high.cells(stride)
        across, left = self.columns.core.cells(stride), wide.cells(stride).start
        top = window.start + rows.start
        low, end = max(core.start, top), min(core.stop, window.start + rows.stop)
        inside = (slice(None), slice(None), slice(low - top, end - top), slice(across.start - left, across.stop - left))
        return Piece(slice(low, end), across, inside)

    def trim(self, stride: int, margin: int, narrower: int) -> tuple[slice, slice]:
        """The rows and columns of a layer's features with one margin that are left with another."""
        spans = zip(self._trimmed(margin), self._trimmed(narrower), strict=True)
        high, wide = (
            slice(inner.cells(stride).start - outer.cells(stride).start, inner.cells(stride).stop - outer.cells(stride).start)
            for outer, inner in spans
        )
        return high, wide

    def _trimmed(self, margin: int | None) -> tuple[Span, Span]:
        return self.rows.trimmed(margin), self.columns.trimmed(margin)

    @property
    def window_pixels(self) -> int:
        """What is computed for it."""
        return (self.rows.window.stop - self.rows.window.start) * (self.columns.window.stop - self.columns.window.start)


def margin_px(architecture: Architecture, path: Sequence[str]) -> int:
    """The margin that a window needs around its core, for the layers of a path; 0 for none."""
    return margins_px(architecture, path)[path[0]] if path else 0


def margins_px(architecture: Architecture, path: Sequence[str]) -> dict[str, int]:
    """The margin, in pixels, with which each layer of a path is computed: what the way from the one before it still needs."""
    stride, whole = (architecture.stride(path[-1]), architecture.padding_px(path[-1])) if path else (1, 0)
    margins = {}
    for before, layer in zip((None, *path), path, strict=False):
        # The first convolution has too little behind it for a trim, and may be in bands.
        done = 0 if before is None or before == architecture.layers[0] else architecture.padding_px(before)
        margins[layer] = -(-(whole - done) // stride) * stride
    return margins


def trims(architecture: Architecture, path: Sequence[str], tile: Tile) -> dict[str, tuple[slice, slice]]:
    """For layers of a path: the rows and columns that they need of the window's features of the layer before them."""
    margins = margins_px(architecture, path)
    return {
        layer: tile.trim(architecture.stride(before), margins[before], margins[layer])
        for before, layer in pairwise(path)
        if margins[layer] < margins[before]
    }


def tiles(
    size: tuple[int, int],
    tile_px: int,
    architecture: Architecture,
    path: Sequence[str],
    *,
    within: Span | None = None,
    wraps: bool = False,
) -> list[Tile]:
    """Tiles whose cores fill a picture of `size` (height, width), or the rows `within`, each once.

    `tile_px`: the most that a core has a side, but at least the deepest stride, and rounded down to a multiple of it.  `within`
    begins at a multiple of that stride, and ends at one or with the picture.  `wraps`: the picture, whose sides are multiples of
    that stride then, goes on at its opposite edges, and windows reach over them.
    """
    stride = architecture.stride(path[-1]) if path else 1
    margin, most = margin_px(architecture, path), max(stride, tile_px // stride * stride)
    height, width = size
    whole = [Span(0, side) if not wraps else Span(-margin, side + margin) for side in size]
    rows = _sides(Span(0, height) if within is None else within, whole[0], most, stride, margin)
    columns = _sides(Span(0, width), whole[1], most, stride, margin)
    return [Tile(row, column) for row in rows for column in columns]


def overhead(size: tuple[int, int], tile_px: int, architecture: Architecture, path: Sequence[str]) -> float:
    """The pixels of all windows over those of a picture of `size` (height, width)."""
    return sum(tile.window_pixels for tile in tiles(size, tile_px, architecture, path)) / (size[0] * size[1])


def _sides(of: Span, whole: Span, most: int, stride: int, margin: int) -> list[Side]:
    """Cores of about equal length that fill a part of one side, with their windows inside the whole."""
    own = of.stop - of.start
    cells = own // stride
    count = max(1, min(-(-own // most), cells))
    cuts = [of.start + at * cells // count * stride for at in range(count)] + [of.stop]
    sides = []
    for start, stop in pairwise(cuts):
        low, high = max(whole.start, start - margin), min(whole.stop, stop + margin)
        sides.append(Side(Span(start, stop), Span(low, high)))
    return sides
