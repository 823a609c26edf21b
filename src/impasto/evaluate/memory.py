"""The memory plan: how a level is evaluated so that it fits, as fast as it can be, and what that takes.

Four things take memory that grows with the picture: the features of what is evaluated at once (about 430 bytes a pixel with our
own convolutions); L-BFGS's history (24 bytes a pixel for a pair, so 50 pairs are more than the network); some pictures (12 bytes
a pixel each); and the content targets.  The levers, from the cheapest: a shorter history, tiles instead of the whole, fewer of
them kept from pass to pass, smaller ones, vectors on disk.

The first block is recomputed on the way back in any case (vgg/opening.py).  Recomputing others as well would lower the whole's
430 bytes by less than tiles do, and these come at the same price, so there is no plan of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import torch

from impasto.evaluate.allocator import LARGEST_KEPT
from impasto.evaluate.geometry import Tile, tiles
from impasto.settings import Settings
from impasto.vgg import Vgg

FORWARD: Final = 0.45
"""The way forward in a step, as a share of its time (docs/performance.md)."""

WIDEST_BUFFERS: Final = 0.3
"""Buffers of the widest layer's size that come and go in a step, beside what is kept for the way back."""

HOLES_PER_PIXEL: Final = 430
OTHER_HOLES: Final = 120 * 2**20
HOLES_IN_TILES: Final = 40 * 2**20
"""Bytes that lie unused between blocks on a CPU: by pixel while even large blocks are kept, in all when they are not, or none.

Both are measured, so that the estimate is the process's peak (VmHWM) on an x86 CPU; benchmarks/estimate.py compares.
"""

_LARGE_BLOCK: Final = 32
"""Bytes a pixel of the fourth stage's features, the smallest of the large blocks."""

PICTURE: Final = 12
"""Bytes a pixel of a picture in float32."""

_HISTORIES: Final = (20, 10, 5)
_LONGER_WITH: Final = {20: 1.005, 10: 1.01, 5: 1.02}
"""Shorter histories than asked for, and how much longer the same J then takes, about (docs/decisions/0011-memory-plan.md)."""

_DISK: Final = 0.5e9
"""Bytes a second from disk, at worst."""

_SECONDS_PER_PIXEL: Final = 6e-6
"""Of a step here; what the disk costs is a share of that."""

_SMALLEST_TILE_PX: Final = 128


@dataclass(frozen=True)
class Plan:
    """One way to evaluate a canvas of `size` (height, width).

    `tile_px`: None is whole; `kept` of the `tiles` stay from pass to pass; `history`: correction pairs; `on_disk`: long vectors
    lie in files; `memory`: bytes on the device, beside what the process has anyway; `disk`: bytes in files; `cost`: time of an
    evaluation, and `slowdown` of the way to the result, over the whole's with the history asked for.
    """

    size: tuple[int, int]
    tile_px: int | None
    tiles: int
    kept: int
    history: int
    on_disk: bool
    memory: float
    disk: float
    cost: float
    slowdown: float

    @property
    def words(self) -> str:
        """`12 tiles of 1,024 px, 5 pairs of history, 2.7 GB on disk`."""
        text = "the whole picture at once" if self.tile_px is None else f"{self.tiles} tiles of {self.tile_px:,} px"
        if self.history > 0:
            text += f", {self.history} pairs of history"
        return text + (f", {self.disk / 1e9:.1f} GB on disk" if self.on_disk else "")

    @property
    def work_pixels(self) -> int:
        """Pixels that are evaluated whole in the same time."""
        return round(self.size[0] * self.size[1] * self.cost)


@dataclass(frozen=True)
class Demand:
    """What a network and settings need; independent of the size."""

    vgg: Vgg
    layers: tuple[str, ...]
    settings: Settings

    def plans(self, size: tuple[int, int], *, disk: bool = True) -> list[Plan]:
        """All plans for a canvas of `size` (height, width), the fastest first; `disk`: whether vectors may lie there."""
        found = [plan for history in self._histories() for plan in self._plans(size, history, on_disk=False)]
        if disk and self.settings.optimizer == "lbfgs" and self.vgg.device.type == "cpu":
            for history in self._histories():
                found += [plan for plan in self._plans(size, history, on_disk=True) if plan.tile_px is not None]
        return sorted(found, key=lambda plan: (plan.slowdown, plan.memory))

    def _histories(self) -> list[int]:
        if self.settings.optimizer != "lbfgs":
            return [0]
        most = self.settings.lbfgs_history
        return [most, *(history for history in _HISTORIES if history < most)]

    def _plans(self, size: tuple[int, int], history: int, *, on_disk: bool) -> Iterator[Plan]:
        pixels = size[0] * size[1]
        longer = _LONGER_WITH.get(history, 1.0) if history < self.settings.lbfgs_history else 1.0
        disk = 0.0
        if on_disk:
            # A pair is read twice on its way into the direction, and each of its vectors once more as it is made.
            longer *= 1 + PICTURE * (4 * history + 8) / _DISK / _SECONDS_PER_PIXEL
            disk = pixels * (PICTURE * (2 * history + 5) + self._targets_per_pixel)
        yield Plan(size, None, 1, 0, history, on_disk, self._whole(pixels, history), disk, 1.0, longer)
        for tile_px, cut in self._cuts(size):
            windows = sorted((tile.window_pixels for tile in cut), reverse=True)
            more = sum(windows) / pixels
            for kept in sorted({0, *(len(cut) * part // 8 for part in range(1, 8))}):
                cost = more * (1 + FORWARD * (1 - kept / len(cut)))
                memory = self._in_tiles(pixels, windows, kept, history, on_disk=on_disk)
                yield Plan(size, tile_px, len(cut), kept, history, on_disk, memory, disk, cost, cost * longer)

    def _cuts(self, size: tuple[int, int]) -> Iterator[tuple[int, Sequence[Tile]]]:
        """Tiles of about halves, thirds, … of the longer side."""
        path = self.vgg.path(self.layers)
        if not path:
            return
        stride, seen = self.vgg.architecture.stride(path[-1]), set[int]()
        for parts in range(2, max(3, max(size) // _SMALLEST_TILE_PX + 1)):
            tile_px = -(-max(size) // parts // stride) * stride
            cut = tiles(size, tile_px, self.vgg.architecture, path)
            if len(cut) > 1 and len(cut) not in seen:
                seen.add(len(cut))
                yield tile_px, cut

    def _whole(self, pixels: int, history: int) -> float:
        # Evaluated: the features, beside x, the gradient, both of the step before, and the best picture.
        evaluated = self.per_pixel + PICTURE * 5 + self._pairs(history)
        return pixels * (max(evaluated, self._stepped(history)) + self._targets_per_pixel) + self._holes(pixels)

    def _in_tiles(self, pixels: int, windows: Sequence[int], kept: int, history: int, *, on_disk: bool) -> float:
        standing = sum(windows[:kept]) * self.kept_per_pixel + (windows[kept] if kept < len(windows) else 0) * self.per_pixel
        resting = 0 if on_disk else PICTURE * 3 + self._pairs(history) + self._targets_per_pixel
        evaluated = standing + pixels * (PICTURE * 2 + resting)
        # On disk: x, the direction in place of the gradient, and the metric's waves.
        stepped = pixels * (PICTURE * 3.5 if on_disk else self._stepped(history) + self._targets_per_pixel)
        # At a level's entry: the content, a copy of it with its margin, and the start.
        entered = windows[0] * self.per_pixel + pixels * PICTURE * 3
        # Beside tiles nothing large is kept.
        return max(evaluated, stepped, entered) + min(HOLES_IN_TILES, self._holes(windows[0]))

    def _stepped(self, history: int) -> float:
        """Bytes a pixel in a step of the optimiser: x, the gradient, the direction, the metric's waves, the best picture."""
        return PICTURE * 5.5 + self._pairs(history)

    def _pairs(self, history: int) -> float:
        if self.settings.optimizer != "lbfgs":
            return PICTURE * 3  # Adam's two moments, and what a step needs
        return PICTURE * 2 * (history + 1)

    def _holes(self, pixels: int) -> float:
        if self.vgg.device.type != "cpu":
            return 0
        return HOLES_PER_PIXEL * pixels if _LARGE_BLOCK * pixels < LARGEST_KEPT else OTHER_HOLES

    @property
    def _targets_per_pixel(self) -> float:
        """Content targets: the features of the content layers."""
        named = {self.vgg.architecture.layer(name) for name, weight in self.settings.content_layers.items() if weight > 0}
        convs = {conv.name: conv for conv in self.vgg.architecture.convs}
        return sum(4 * convs[name].channels_out / convs[name].stride ** 2 for name in named)

    @property
    def per_pixel(self) -> float:
        """Bytes a pixel of what goes through the network at once."""
        path = self.vgg.path(self.layers)
        first = self.vgg.architecture.convs[0]
        return self.kept_per_pixel + self._number * WIDEST_BUFFERS * first.channels_out if path else 0

    @property
    def _number(self) -> float:
        return torch.finfo(self.vgg.dtype).bits / 8

    @property
    def kept_per_pixel(self) -> float:
        """Bytes a pixel that are kept of the way forward for the way back: of layers, and what tells where gradients go."""
        path = self.vgg.path(self.layers)
        if not path:
            return 0
        convs = self.vgg.architecture.convs[: self.vgg.architecture.index(path[-1]) + 1]
        number, kept = self._number, 0.0
        in_bands = 0 if self.vgg.opening(path) is None else 1
        for at, (conv, after) in enumerate(zip_longest(convs, convs[1:])):
            outputs = conv.channels_out / conv.stride**2
            pooled = after is not None and after.stride != conv.stride
            own = self.vgg.own_convolutions and at > 0
            # Our own keep a byte an output, after pooling where that is done at once; what is measured is kept beside it.
            at_once = own and pooled and self.settings.pooling == "max" and conv.name not in path
            kept += outputs / (4 if at_once else 1) if own else 0
            # PyTorch's convolutions and poolings keep all they get and give.
            if at >= in_bands and (conv.name in path or not own or (pooled and not at_once)):
                kept += number * outputs
            if pooled and not at_once:
                kept += (0 if self.vgg.own_convolutions else number) * outputs / 4
                kept += 8 * outputs / 4 if self.settings.pooling == "max" else 0
        return kept
