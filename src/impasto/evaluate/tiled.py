"""A picture of any size in tiles, with the gradient of the whole.

Two passes, by the chain rule: every tile is measured, the objective scores the sums and gives its slope at them; then each tile
goes forward once more, and the slopes back through it to its window's pixels, margins included, where the windows' gradients add
up.  Published for Gram matrices as SPST (Galerne et al., arXiv 2212.13459).  Sums are kept in float64.

Memory is that of one window, and of as many more as are kept from the first pass to the second, which then need not go forward
again; work is the windows' pixels over the picture's (`overhead`), and that second way forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.evaluate.account import Account
from impasto.evaluate.evaluation import Evaluation, evaluation
from impasto.evaluate.geometry import Tile, tiles
from impasto.evaluate.passage import Passage
from impasto.losses import Statistic
from impasto.objective import Objective, See
from impasto.vgg import Vgg
from impasto.vgg.features import See as RowsSee


@dataclass(frozen=True)
class Tiled:
    """Evaluates an objective tile by tile.

    `tile_px`: the most that a tile's core has a side (geometry.tiles); `kept`: how many tiles stay from pass to pass.
    """

    vgg: Vgg
    objective: Objective
    tile_px: int
    kept: int = 0

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb [1, 3, H, W], sRGB-encoded, 0..1."""
        rgb = rgb.detach()
        account = Account(self.objective)
        path = self.vgg.path(self.objective.layers)
        plan = tiles((rgb.shape[2], rgb.shape[3]), self.tile_px, self.vgg.architecture, path) if path else []
        with torch.no_grad(), self.vgg.exactly():
            account.see_pixels(rgb)
            seeing = [seeing_core(self.vgg, tile, account.see) for tile in plan]
            passages = [
                Passage(self.vgg, path, rgb[tile.window], see) for tile, see in zip(plan[: self.kept], seeing, strict=False)
            ]
            for tile, see in zip(plan[self.kept :], seeing[self.kept :], strict=True):
                self.vgg.show(rgb[tile.window], path, see)
            total, parts = account.settle()
            gradient = account.pull_pixels(rgb, torch.zeros_like(rgb))
            for at, tile in enumerate(plan):
                # Those that were kept come first, so that their memory is free for the others.
                passage = passages.pop(0) if at < self.kept else None
                gradient[tile.window] += back(self.vgg, account, tile, path, rgb[tile.window], passage)
                del passage
            return evaluation(total, parts, gradient)


@dataclass(frozen=True)
class TiledSurvey:
    """Shows a picture tile by tile (objective.Survey), in the tiles in which an objective of some layers is evaluated."""

    tile_px: int
    layers: tuple[str, ...]

    @property
    def name(self) -> str:
        """What sums depend on in their last bit."""
        return f"tiles of {self.tile_px} px for {', '.join(self.layers)}"

    def show(self, vgg: Vgg, rgb: Tensor, layers: Sequence[str], see: See) -> None:
        """Every cell of the layers once; rgb: [1, 3, H, W]."""
        for tile in tiles((rgb.shape[2], rgb.shape[3]), self.tile_px, vgg.architecture, vgg.path(self.layers)):
            vgg.show(rgb[tile.window], vgg.path(layers), seeing_core(vgg, tile, see))

    def merge(self, statistics: Sequence[Statistic]) -> list[Statistic]:
        """Themselves: nobody else has any."""
        return list(statistics)


def seeing_core(vgg: Vgg, tile: Tile, see: See) -> RowsSee:
    """Hands the core's part of a window's features on to `see`, with its place in the whole layer."""

    def see_rows(layer: str, rows: slice, features: Tensor) -> None:
        piece = tile.core_in(rows, vgg.architecture.stride(layer))
        if piece.any:
            see(layer, piece.rows, piece.columns, features[piece.inside])

    return see_rows


def back(vgg: Vgg, account: Account, tile: Tile, path: Sequence[str], window: Tensor, passage: Passage | None) -> Tensor:
    """The gradient at a window's pixels, of what its core was measured as, forward once more unless the passage was kept."""

    def pull(layer: str, rows: slice, features: Tensor, into: Tensor | None) -> Tensor:
        into = torch.zeros_like(features) if into is None else into
        piece = tile.core_in(rows, vgg.architecture.stride(layer))
        if piece.any:
            account.pull(layer, piece.rows, piece.columns, features[piece.inside], into[piece.inside])
        return into

    passage = Passage(vgg, path, window, lambda layer, rows, features: None) if passage is None else passage
    return passage.back(pull)
