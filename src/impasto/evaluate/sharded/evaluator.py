"""One picture over many processes, with the gradient of the whole.

As tiles (tiled.py): each process measures those of its own band, all statistics are added up in one message of C×C numbers, and
each differentiates what it measured.  Windows reach into the bands of others by their margin: those rows are borrowed before, and
their gradients are given back after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.evaluate.account import Account
from impasto.evaluate.evaluation import Evaluation, evaluation
from impasto.evaluate.geometry import Span, Tile, margin_px, tiles
from impasto.evaluate.passage import Passage
from impasto.evaluate.sharded.bands import give_back, lend
from impasto.evaluate.sharded.division import Division, divide, rows
from impasto.evaluate.sharded.group import Shards
from impasto.evaluate.tiled import forward, pulling_core, seeing_core
from impasto.losses import PIXELS, Statistic, require_sums
from impasto.objective import Objective, See
from impasto.vgg import Vgg


@dataclass(frozen=True)
class Sharded:
    """Evaluates an objective on this process's band, together with all others.

    `tile_px`: the most that a tile's core has a side, None is the whole band; `kept_from`: as in Tiled.
    """

    vgg: Vgg
    objective: Objective
    shards: Shards
    division: Division
    tile_px: int | None = None
    kept_from: str | None = PIXELS

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J and its parts for all, and the gradient at the band rgb [1, 3, rows, W], sRGB-encoded, 0..1, none or more rows.

        Raises InvalidSettings for a term that is no sum over positions.
        """
        require_sums([part.term for part in self.objective.parts], by="several processes")
        account = Account(self.objective)
        path = self.vgg.path(self.objective.layers)
        margin = margin_px(self.vgg.architecture, path)
        reach = self.objective.reach

        def near(rank: int) -> Span:
            return self.division.near(rank, above=margin, below=max(margin, reach))

        band, seen = self.division.bands[self.shards.rank], near(self.shards.rank)
        own = slice(band.start - seen.start, band.stop - seen.start)
        plan = band_tiles(self.vgg, self.division, self.shards.rank, path, self.tile_px)
        with torch.no_grad(), self.vgg.exactly():
            pixels = lend(self.shards, self.division, rgb.detach(), near)
            passages = self._see(account, path, plan, pixels, seen, own)
            total, parts = account.settle(self.shards.merge)
            gradient = account.pull_pixels(pixels, torch.zeros_like(pixels), own, above=seen.start)
            for tile in plan:
                gradient[_inside(tile, seen)] += passages.pop(0).back(pulling_core(self.vgg, path, tile, account))
            gradient = give_back(self.shards, self.division, gradient, near)
            return evaluation(total, parts, gradient, agree=self.shards.agree)

    def _see(
        self,
        account: Account,
        path: Sequence[str],
        plan: Sequence[Tile],
        pixels: Tensor,
        seen: Span,
        own: slice,
    ) -> list[Passage]:
        """The first pass: what lies in the band is measured; the ways through its tiles."""
        if own.stop == own.start:
            account.see(PIXELS, slice(0, 0), slice(None), pixels)
            show_nothing(self.vgg, path, pixels, account.see)
        account.see_pixels(pixels, own, above=seen.start)
        return [forward(self.vgg, path, tile, pixels[_inside(tile, seen)], account, kept_from=self.kept_from) for tile in plan]


@dataclass(frozen=True)
class ShardedSurvey:
    """Shows a picture that every process has (objective.Survey), each process its band, divided for some layers."""

    shards: Shards
    layers: tuple[str, ...]
    tile_px: int | None = None

    @property
    def name(self) -> str:
        """What sums depend on in their last bit."""
        shares = ":".join(f"{share:g}" for share in self.shards.shares)
        return f"shares {shares} in tiles of {self.tile_px} px for {', '.join(self.layers)}"

    def show(self, vgg: Vgg, rgb: Tensor, layers: Sequence[str], see: See) -> None:
        """Every cell of the layers in this process's band once; rgb: [1, 3, H, W], the whole."""
        path, whole = vgg.path(layers), vgg.path(self.layers)
        division = divide((rgb.shape[2], rgb.shape[3]), self.shards.shares, stride=stride_of(vgg, whole))
        plan = band_tiles(vgg, division, self.shards.rank, whole, self.tile_px)
        for tile in plan:
            vgg.show(rgb[tile.window], path, seeing_core(vgg, tile, see))
        if not plan:
            show_nothing(vgg, path, rgb, see)

    def merge(self, statistics: Sequence[Statistic]) -> list[Statistic]:
        """With those of the other processes."""
        return self.shards.merge(statistics)


def stride_of(vgg: Vgg, layers: Sequence[str]) -> int:
    """The deepest stride of some layers, at whose multiples bands are cut."""
    return max((vgg.architecture.stride(layer) for layer in layers), default=1)


def band_tiles(vgg: Vgg, division: Division, rank: int, path: Sequence[str], tile_px: int | None) -> list[Tile]:
    """The tiles of a process's band."""
    if not path or rows(division.bands[rank]) == 0:
        return []
    most = max(division.size) if tile_px is None else tile_px
    return tiles(division.size, most, vgg.architecture, path, within=division.bands[rank])


def show_nothing(vgg: Vgg, layers: Sequence[str], like: Tensor, see: See) -> None:
    """No cells of each layer: the statistic of a process without rows is 0, not missing."""
    for layer in layers:
        see(layer, slice(0, 0), slice(0, 0), like.new_zeros((1, vgg.architecture.channels(layer), 0, 0)))


def _inside(tile: Tile, seen: Span) -> tuple[slice, slice, slice, slice]:
    """A tile's window in a tensor that holds the rows `seen`."""
    batch, channels, high, across = tile.window
    return batch, channels, slice(high.start - seen.start, high.stop - seen.start), across
