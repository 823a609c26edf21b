"""A picture of any size in tiles, with the gradient of the whole.

Two passes, by the chain rule: every tile is measured, the objective scores the sums and gives its slope at them; then each tile
goes forward once more, and the slopes back through it to its window's pixels, margins included, where the windows' gradients add
up.  Published for Gram matrices as SPST (Galerne et al., arXiv 2212.13459).  Sums are kept in float64.

Memory is that of one window, and of what is kept from the first pass to the second; work is the windows' pixels over the
picture's (`overhead`), and the second way forward through what was not kept.  One tile is the whole picture, recomputed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.evaluate.account import Account
from impasto.evaluate.evaluation import Evaluation, evaluation
from impasto.evaluate.geometry import Tile, margin_px, margins_px, tiles, trims
from impasto.evaluate.passage import Passage, Pull
from impasto.evaluate.wrap import folded, wrapped
from impasto.losses import Statistic, require_sums
from impasto.objective import Objective, See
from impasto.vgg import Vgg
from impasto.vgg.features import See as RowsSee


@dataclass(frozen=True)
class Tiled:
    """Evaluates an objective tile by tile.

    `tile_px`: the most that a tile's core has a side (geometry.tiles); `kept_from`: the layer behind which the first pass stays
    in memory for the second, PIXELS is all of it, None nothing; `wraps`: the picture, whose sides are multiples of the deepest
    stride then, goes on at its opposite edges.
    """

    vgg: Vgg
    objective: Objective
    tile_px: int
    kept_from: str | None = None
    wraps: bool = False

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb [1, 3, H, W], sRGB-encoded, 0..1.

        Raises InvalidSettings in several tiles for a term that is no sum over positions.
        """
        rgb = rgb.detach()
        size = (rgb.shape[2], rgb.shape[3])
        account = Account(self.objective)
        path = self.vgg.path(self.objective.layers)
        plan = tiles(size, self.tile_px, self.vgg.architecture, path, wraps=self.wraps) if path else []
        around = margin_px(self.vgg.architecture, path) if self.wraps else 0
        if len(plan) > 1:
            require_sums([part.term for part in self.objective.parts], by="tiles")
        with torch.no_grad(), self.vgg.exactly():
            canvas, edged = rgb, rgb
            own: tuple[slice | None, slice] = (None, slice(None))
            if self.wraps:
                canvas, edged = wrapped(rgb, before=around, after=around), wrapped(rgb, before=0, after=1)
                own = (slice(0, size[0]), slice(0, size[1]))
            account.see_pixels(edged, *own)
            passages = [
                forward(self.vgg, path, tile, canvas[tile.window_in(around)], account, kept_from=self.kept_from) for tile in plan
            ]
            total, parts = account.settle()
            pixels = account.pull_pixels(edged, torch.zeros_like(edged), *own)
            gradient = torch.zeros_like(canvas) if self.wraps else pixels
            for tile in plan:
                gradient[tile.window_in(around)] += passages.pop(0).back(pulling_core(self.vgg, path, tile, account))
            if self.wraps:
                gradient = folded(gradient, before=around, size=size).add_(folded(pixels, before=0, size=size))
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


def forward(vgg: Vgg, path: Sequence[str], tile: Tile, window: Tensor, account: Account, *, kept_from: str | None) -> Passage:
    """A tile's first pass: what its core is measured as goes into the account."""
    see = seeing_core(vgg, tile, account.see, margins_px(vgg.architecture, path))
    return Passage(vgg, path, window, see, kept_from=kept_from, trims=trims(vgg.architecture, path, tile))


def seeing_core(vgg: Vgg, tile: Tile, see: See, margins: Mapping[str, int] = {}) -> RowsSee:
    """Hands the core's part of a window's features on to `see`, with its place in the whole layer.

    `margins`: of each layer, where its features were trimmed.
    """

    def see_rows(layer: str, rows: slice, features: Tensor) -> None:
        piece = tile.core_in(rows, vgg.architecture.stride(layer), margins.get(layer))
        if piece.any:
            see(layer, piece.rows, piece.columns, features[piece.inside])

    return see_rows


def pulling_core(vgg: Vgg, path: Sequence[str], tile: Tile, account: Account) -> Pull:
    """The gradient at the features of a tile's first pass, of what its core was measured as."""
    margins = margins_px(vgg.architecture, path)

    def pull(layer: str, rows: slice, features: Tensor, into: Tensor | None) -> Tensor:
        into = torch.zeros_like(features) if into is None else into
        piece = tile.core_in(rows, vgg.architecture.stride(layer), margins.get(layer))
        if piece.any:
            account.pull(layer, piece.rows, piece.columns, features[piece.inside], into[piece.inside])
        return into

    return pull
