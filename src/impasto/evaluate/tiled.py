"""A picture of any size in tiles, with the gradient of the whole.

Two passes, by the chain rule: every tile is measured, the objective scores the sums and gives its slope at them; then each tile
goes forward once more, and the slopes back through it to its window's pixels, margins included, where the windows' gradients add
up.  Published for Gram matrices as SPST (Galerne et al., arXiv 2212.13459).  Sums are kept in float64.

Memory is that of one window; work is the windows' pixels over the picture's (`overhead`), and a second way forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.evaluate.account import Account
from impasto.evaluate.evaluation import Evaluation, evaluation
from impasto.evaluate.geometry import Tile, tiles
from impasto.evaluate.passage import Passage
from impasto.objective import Objective
from impasto.vgg import Vgg


@dataclass(frozen=True)
class Tiled:
    """Evaluates an objective tile by tile; `tile_px`: the most that a tile's core has a side (geometry.tiles)."""

    vgg: Vgg
    objective: Objective
    tile_px: int

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb [1, 3, H, W], sRGB-encoded, 0..1."""
        rgb = rgb.detach()
        account = Account(self.objective, dtype=None if rgb.device.type == "mps" else torch.float64)
        path = self.vgg.path(self.objective.layers)
        plan = tiles((rgb.shape[2], rgb.shape[3]), self.tile_px, self.vgg.architecture, path) if path else []
        with torch.no_grad(), self.vgg.exactly():
            account.see_pixels(rgb)
            for tile in plan:
                self._measure(account, tile, path, rgb[tile.window])
            total, parts = account.settle()
            gradient = account.pull_pixels(rgb, torch.zeros_like(rgb))
            for tile in plan:
                gradient[tile.window] += self._back(account, tile, path, rgb[tile.window])
            return evaluation(total, parts, gradient)

    def overhead(self, size: tuple[int, int]) -> float:
        """The pixels of all windows over those of a picture of `size` (height, width)."""
        path = self.vgg.path(self.objective.layers)
        plan = tiles(size, self.tile_px, self.vgg.architecture, path)
        return sum(tile.window_pixels for tile in plan) / (size[0] * size[1])

    def _measure(self, account: Account, tile: Tile, path: tuple[str, ...], window: Tensor) -> None:
        def see(layer: str, rows: slice, features: Tensor) -> None:
            piece = self._core(tile, layer, rows)
            if piece.any:
                account.see(layer, piece.rows, piece.columns, features[piece.inside])

        self.vgg.show(window, path, see)

    def _back(self, account: Account, tile: Tile, path: tuple[str, ...], window: Tensor) -> Tensor:
        def pull(layer: str, rows: slice, features: Tensor, into: Tensor | None) -> Tensor:
            into = torch.zeros_like(features) if into is None else into
            piece = self._core(tile, layer, rows)
            if piece.any:
                account.pull(layer, piece.rows, piece.columns, features[piece.inside], into[piece.inside])
            return into

        return Passage(self.vgg, path, window, lambda layer, rows, features: None).back(pull)

    def _core(self, tile: Tile, layer: str, rows: slice) -> _Piece:
        """Where the tile's core lies in some rows of its window's layer."""
        stride = self.vgg.architecture.stride(layer)
        core, window = tile.rows.core.cells(stride), tile.rows.window.cells(stride)
        across, left = tile.columns.core.cells(stride), tile.columns.window.cells(stride).start
        top = window.start + rows.start
        low, high = max(core.start, top), min(core.stop, window.start + rows.stop)
        inside = (slice(None), slice(None), slice(low - top, high - top), slice(across.start - left, across.stop - left))
        return _Piece(slice(low, high), across, inside)


@dataclass(frozen=True)
class _Piece:
    """Rows and columns of a layer, and their indices in the features at hand."""

    rows: slice
    columns: slice
    inside: tuple[slice, slice, slice, slice]

    @property
    def any(self) -> bool:
        """Whether there are cells in it."""
        return bool(self.rows.stop > self.rows.start and self.columns.stop > self.columns.start)
