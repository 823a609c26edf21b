"""The memory plan: how a level is evaluated so that it fits, as fast as it can be, and what that takes.

Four things take memory that grows with the picture: the features of what is evaluated at once (about 430 bytes a pixel with our
own convolutions); L-BFGS's history (24 bytes a pixel for a pair, so 50 pairs are more than the network); some pictures (12 bytes
a pixel each); and the content targets.  The levers, from the cheapest: a shorter history, recomputing the shallow layers, tiles
instead of the whole, keeping less of them from pass to pass, smaller ones, vectors on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from impasto.evaluate.allocator import LARGEST_KEPT
from impasto.evaluate.geometry import margin_px, tiles
from impasto.evaluate.passage import recomputed
from impasto.losses import PIXELS
from impasto.losses.products import outer_sum_bytes
from impasto.losses.styles import KIND_OF, SUMS
from impasto.scratch import is_possible
from impasto.settings import COMPARED, Settings
from impasto.vgg import Vgg

FORWARD: Final = 0.45
"""The way forward in a step, as a share of its time (docs/performance.md)."""

WRITTEN: Final = 0.2
"""The share of the way forward's time that goes as the numbers written, which are most in shallow layers; the rest as products.

Measured at 1,024x768: up to conv2_1 24 % of the time for 16 % of the products, conv3_1 37 % for 31 %, conv4_1 75 % for 67 %.
"""

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

_MASK: Final = 4
"""Bytes per pixel of a mask in float32."""

_WHILE_COMPARED: Final = {"sliced": 2, "histogram": 2, "nearest": 10, "ot": 10, "selfsim": 2}
"""Copies of a layer's features that are there while a loss compares them as a whole: by their code; the peaks of whole runs
with `sliced` and `ot` agree (docs/decisions/0012-losses-that-are-no-sums.md), the others were not measured."""

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

    `tile_px`: None is whole; `kept_from`: the layer behind which the way forward stays for the way back, PIXELS is all of it,
    None nothing; `history`: correction pairs; `on_disk`: long vectors lie in files; `memory`: bytes on the device, beside what
    the process has anyway; `disk`: bytes in files; `cost`: time of an evaluation, and `slowdown` of the way to the result, over
    the whole's with the history asked for.
    """

    size: tuple[int, int]
    tile_px: int | None
    tiles: int
    kept_from: str | None
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
        return text + self.more_words(with_history=self.history > 0)

    def more_words(self, *, with_history: bool) -> str:
        """`, recomputed to conv2_1, 5 pairs of history, 2.7 GB on disk`."""
        text = "" if self.kept_from in (None, PIXELS) else f", recomputed to {self.kept_from}"
        if with_history:
            text += f", {self.history} pairs of history"
        return text + (f", {self.disk / 1e9:.1f} GB on disk" if self.on_disk else "")

    @property
    def work_pixels(self) -> int:
        """Pixels that are evaluated whole in the same time."""
        return round(self.size[0] * self.size[1] * self.cost)


@dataclass(frozen=True)
class _Kept:
    """What lies behind the layer `since` is kept: bytes a pixel of it, and of what is gone through again, a share of the way."""

    since: str | None
    bytes: float
    bytes_again: float
    again: float


@dataclass(frozen=True)
class Demand:
    """The needs of a network and settings, independent of the size."""

    vgg: Vgg
    layers: tuple[str, ...]
    settings: Settings
    masks: int = 0
    """How many different masks say where styles paint."""

    def plans(self, size: tuple[int, int], *, disk: bool = True, shorter: bool = True) -> list[Plan]:
        """Return all plans for a canvas of `size` (height, width), the fastest first.

        `disk`: whether vectors may lie there; `shorter`: whether the history may be shorter than asked for.
        """
        histories = self._histories() if shorter else self._histories()[:1]
        found = [plan for history in histories for plan in self._plans(size, history, on_disk=False)]
        if disk and is_possible() and self.settings.optimizer == "lbfgs" and self.vgg.device.type == "cpu":
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
        ways = self._kept
        for tile_px, windows in self._cuts(size):
            for kept in ways if tile_px is not None else ways[:-1]:
                cost = sum(windows) / pixels * (1 + FORWARD * kept.again)
                memory = self._memory(pixels, windows, kept, history, on_disk=on_disk, tiled=tile_px is not None)
                yield Plan(size, tile_px, len(windows), kept.since, history, on_disk, memory, disk, cost, cost * longer)

    def _cuts(self, size: tuple[int, int]) -> Iterator[tuple[int | None, Sequence[int]]]:
        """Windows in pixels, the largest first: the whole, and tiles of about halves, thirds, … of the longer side."""
        path = self.vgg.path(self.layers)
        wraps = self.settings.tileable
        around = 2 * margin_px(self.vgg.architecture, path) if wraps else 0
        yield None, [(size[0] + around) * (size[1] + around)]
        if not path or self.settings.compares_whole:
            return
        stride, seen = self.vgg.architecture.stride(path[-1]), {1}
        for parts in range(2, max(3, max(size) // _SMALLEST_TILE_PX + 1)):
            tile_px = -(-max(size) // parts // stride) * stride
            cut = tiles(size, tile_px, self.vgg.architecture, path, wraps=wraps)
            if len(cut) not in seen:
                seen.add(len(cut))
                yield tile_px, sorted((tile.window_pixels for tile in cut), reverse=True)

    def _memory(self, pixels: int, windows: Sequence[int], kept: _Kept, history: int, *, on_disk: bool, tiled: bool) -> float:
        # The last tile's way forward, or the first one's back, with what is kept of all others.
        standing = (sum(windows) - windows[0]) * kept.bytes + windows[0] * (max(kept.bytes, kept.bytes_again) + self._buffers)
        # Beside the features: x, its gradient, both of the step before, and the best picture.
        resting = 0 if on_disk else PICTURE * 3 + self._pairs(history) + self._targets_per_pixel
        resting += self._guides_per_pixel
        sums = self._sums(windows[0])
        evaluated = standing + pixels * (PICTURE * 2 + resting + self._compared_per_pixel) + sums
        # On disk: x, the direction in place of the gradient, and the metric's waves.
        stepped = pixels * (PICTURE * 3.5 if on_disk else self._stepped(history) + self._targets_per_pixel)
        stepped += pixels * self._guides_per_pixel
        # At a level's entry: the content, a copy of it with its margin, and the start; masks, and they with their margin.
        entered = windows[0] * (self._passing + self._buffers) + pixels * (PICTURE * 3 + 2 * _MASK * self.masks) + sums
        # At the end, or at each picture that is shown on the way, beside what stays for the next step.
        finished = pixels * self._finishing_per_pixel
        if self.settings.save_every is not None:
            finished += pixels * (PICTURE + resting)
        # Beside tiles nothing large is kept.
        holes = self._holes(windows[0])
        return max(evaluated, stepped, entered, finished) + (min(HOLES_IN_TILES, holes) if tiled else holes)

    def _sums(self, window_pixels: int) -> float:
        """Return the bytes of partial sums while the largest style layer of a window is measured."""
        if self.vgg.device.type != "cpu" or KIND_OF[self.settings.style_loss] not in SUMS:
            return 0
        convs = {conv.name: conv for conv in self.vgg.architecture.convs}
        layers = [convs[self.vgg.architecture.layer(name)] for name, weight in self.settings.style_layers.items() if weight > 0]
        return max((outer_sum_bytes(conv.channels_out, window_pixels // conv.stride**2) for conv in layers), default=0)

    @property
    def _guides_per_pixel(self) -> float:
        """Bytes per pixel of how much each position of each style layer counts, for each mask."""
        convs = {conv.name: conv for conv in self.vgg.architecture.convs}
        named = {self.vgg.architecture.layer(name) for name, weight in self.settings.style_layers.items() if weight > 0}
        return self.masks * sum(_MASK / convs[name].stride ** 2 for name in named)

    @property
    def _finishing_per_pixel(self) -> float:
        """Bytes per pixel, on the CPU, while colours and the photograph are laid over the best picture.

        There are the best picture as it is kept, as it is shown, and recoloured, and the content; with masks one more picture,
        and the masks twice.
        """
        return PICTURE * 4 + (PICTURE + 2 * _MASK * self.masks if self.masks else 0) if self.vgg.device.type == "cpu" else 0

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
    def _compared_per_pixel(self) -> float:
        """Features that are compared as a whole, and their slopes; and what is made of the largest layer while it is scored."""
        settings, convs = self.settings, {conv.name: conv for conv in self.vgg.architecture.convs}
        kept, most = 0.0, 0.0
        for loss, weights in ((settings.style_loss, settings.style_layers), (settings.content_loss, settings.content_layers)):
            if loss in COMPARED:
                layers = [convs[self.vgg.architecture.layer(name)] for name, weight in weights.items() if weight > 0]
                each = [4 * conv.channels_out / conv.stride**2 for conv in layers]
                kept += 2 * sum(each)
                most = max([most, *(_WHILE_COMPARED[loss] * numbers for numbers in each)])
        return kept + most

    @property
    def _number(self) -> float:
        return self.vgg.number_bytes

    @property
    def _buffers(self) -> float:
        """Bytes a pixel of what comes and goes, at what goes through the network at once."""
        return self._number * WIDEST_BUFFERS * self.vgg.architecture.convs[0].channels_out if self.vgg.path(self.layers) else 0

    @property
    def _passing(self) -> float:
        """Bytes a pixel of a way forward of which nothing is kept: what a convolution gets and gives."""
        path = self.vgg.path(self.layers)
        convs = self.vgg.architecture.convs[: self.vgg.architecture.index(path[-1]) + 1] if path else ()
        written = [conv.channels_out / conv.stride**2 for conv in convs]
        if self.vgg.opening(path) is not None:
            written[:2] = [0, written[1] / 4]  # it is in bands, and pooled at once
        return self._number * max((a + b for a, b in zip_longest(written, written[1:], fillvalue=0)), default=0)

    @property
    def _kept(self) -> Sequence[_Kept]:
        """What can be kept of the way forward, from all to nothing."""
        path = self.vgg.path(self.layers)
        if not path:
            return [_Kept(PIXELS, 0, 0, 0), _Kept(None, 0, 0, 0)]
        convs = self.vgg.architecture.convs[: self.vgg.architecture.index(path[-1]) + 1]
        products = [conv.channels_in * conv.channels_out / conv.stride**2 for conv in convs]
        written = [conv.channels_out / conv.stride**2 for conv in convs]
        found: dict[int, _Kept] = {}
        whole = self.kept_per_pixel(path)
        for since in (PIXELS, *path[:-1], None):
            again = recomputed(self.vgg, path, since)
            count = self.vgg.architecture.index(path[again - 1]) + 1 if again else 0
            share = WRITTEN * sum(written[:count]) / sum(written) + (1 - WRITTEN) * sum(products[:count]) / sum(products)
            shallow = self.kept_per_pixel(path[:again])
            found.setdefault(again, _Kept(since, whole - shallow, shallow, share))
        return list(found.values())

    def kept_per_pixel(self, path: Sequence[str]) -> float:
        """Bytes a pixel that are kept of the way forward to the layers of a path: these, and what tells where gradients go."""
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
