"""One way through the network and back, through the measured layers one by one.

On the way back the terms' gradient is added to what comes from below when their layer is reached, and the layer is let go.  That
is autograd's gradient, but without the gradients of all terms standing in memory at once; and the first block, whose outputs are
the largest, goes by in bands of rows where the network can do that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.autograd.graph import GradientEdge, get_gradient_edge

from impasto.losses import PIXELS
from impasto.vgg import Vgg
from impasto.vgg.features import See
from impasto.vgg.opening import Opening

Pull = Callable[[str, slice, Tensor, Tensor | None], Tensor]
"""Gets a layer, rows of it, their features, and the gradient from the layers below or None; returns it with the terms' own."""


class _Begin(torch.autograd.Function):
    """x, as the beginning of a graph that does not hold x: what needs it on the way back keeps it, and nothing else does."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, tie: Tensor) -> Tensor:
        del ctx, tie
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None]:  # pragma: no cover - the way back ends before it
        del ctx, gradient
        return None, None


class _Incoming:
    """The gradient at a graph's end, when it is known."""

    gradient: Tensor | None = None


class _End(torch.autograd.Function):
    """A number for the end of a graph, whose gradient there is what `incoming` holds on the way back.

    `torch.autograd.grad` with gradients given to it imports sympy at its first call, which takes longer than a step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, incoming: _Incoming) -> Tensor:
        ctx.incoming = incoming
        return x.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, one: Tensor) -> tuple[Tensor | None, None]:
        del one
        gradient, ctx.incoming.gradient = ctx.incoming.gradient, None
        return gradient, None


@dataclass(frozen=True)
class _Link:
    """One stretch of the network: where its graph starts, a number for its end, the gradient there, the layer's features.

    `trimmed`: the shape of the features before it, and the rows and columns of them that it starts from, if not all.
    """

    layer: str
    start: GradientEdge
    end: Tensor
    incoming: _Incoming
    features: Tensor
    trimmed: tuple[torch.Size, slice, slice] | None


class _Bands(NamedTuple):
    """The first block, what it got, and its marks."""

    opening: Opening
    entered: Tensor
    marks: Tensor


class Passage:
    """Forward at once, back when asked; once.  To be used inside `vgg.exactly()` and without gradients of the caller's."""

    def __init__(
        self,
        vgg: Vgg,
        path: Sequence[str],
        rgb: Tensor,
        see: See,
        *,
        kept_from: str | None = PIXELS,
        trims: Mapping[str, tuple[slice, slice]] = {},
    ) -> None:
        """rgb: [1, 3, H, W], sRGB-encoded, 0..1; `see` gets every row of the layers of the path once (`vgg.path`).

        `kept_from`: the layer behind which what `back` needs is kept; PIXELS is all of it, None nothing;
        `trims`: for some layers, the rows and columns of the layer before them from which they are computed.
        """
        self._vgg = vgg
        self._trims = trims
        self._rgb = rgb
        again = recomputed(vgg, path, kept_from)
        self._again = path[:again]
        self._chain: list[_Link] = []
        self._band_of: _Bands | None = None
        start, after = vgg.entrance(rgb, path), None
        opening, rest = vgg.opening(path), list(path)
        if opening is not None:
            first, after = vgg.architecture.layers[:2]
            entered = start
            start, marks = opening.forward(entered, lambda rows, features: see(first, rows, vgg.shown(features, rgb.dtype)))
            rest = [layer for layer in path if layer != first]
            self._band_of = None if again else _Bands(opening, entered, marks)
            del entered, marks
        for at, layer in enumerate(rest):
            pooled = opening is not None and at == 0
            trim = trims.get(layer)
            before = start.shape
            if trim is not None:
                start = start[:, :, trim[0], trim[1]].contiguous(memory_format=torch.channels_last)
            if layer in self._again:
                start = vgg.stretch(start, after, layer, pooled=pooled)
            else:
                link = _link(vgg, start, after, layer, pooled=pooled, trimmed=None if trim is None else (before, *trim))
                self._chain.append(link)
                start = link.features
            after = layer
            see(layer, slice(0, start.shape[2]), vgg.shown(start, rgb.dtype))

    def back(self, pull: Pull, gradient: Tensor | None = None, unit: Tensor | None = None) -> Tensor:
        """The gradient at rgb, [1, 3, H, W], of what `pull` gives at the layers; 0 for a path without layers.

        `gradient`: what comes to the deepest layer from below it, in units of `unit`.
        """
        # A float16 network's gradients would vanish, so they go back with the largest of the terms' own at 1.
        if self._vgg.dtype == torch.float16 and self._chain:
            largest = self._largest(pull)
            if gradient is not None and unit is not None:
                largest = torch.maximum(largest, unit)
                gradient = gradient.mul_(unit / largest)
            unit = largest
        while self._chain:
            link = self._chain.pop()
            start, end = self._at_end(link, pull, unit, gradient)
            trimmed = link.trimmed
            del link
            (gradient,) = torch.autograd.grad(end, start)
            if trimmed is not None:
                gradient = _untrimmed(gradient, *trimmed)
        if self._again:
            return Passage(self._vgg, self._again, self._rgb, _unseen, trims=self._trims).back(pull, gradient, unit)
        if gradient is None:
            return torch.zeros_like(self._rgb)
        if self._band_of is not None:
            opening, entered, marks = self._band_of
            gradient = opening.backward(entered, gradient, marks=marks, pull=partial(self._in_band, pull))
        return self._vgg.entrance_slope(gradient, self._rgb.dtype, unit)

    def _at_end(self, link: _Link, pull: Pull, unit: Tensor | None, gradient: Tensor | None) -> tuple[GradientEdge, Tensor]:
        """A link's graph, the gradient at its end with that of its layer's terms put there; its features are done with."""
        features = self._vgg.shown(link.features, self._rgb.dtype)
        rows = slice(0, features.shape[2])
        if features is link.features:
            link.incoming.gradient = pull(link.layer, rows, features, gradient)
        else:
            own = self._vgg.unshown(pull(link.layer, rows, features, None), unit)
            link.incoming.gradient = own if gradient is None else gradient.add_(own)
        return link.start, link.end

    def _in_band(self, pull: Pull, rows: slice, features: Tensor, into: Tensor) -> None:
        """Adds the gradient of the first layer's terms in a band."""
        first = self._vgg.architecture.layers[0]
        shown = self._vgg.shown(features, self._rgb.dtype)
        if shown is features:
            pull(first, rows, features, into)
        else:
            into.add_(self._vgg.unshown(pull(first, rows, shown, None)))

    def _largest(self, pull: Pull) -> Tensor:
        """The largest entry of the gradients of all terms at their features."""
        shown = ((link.layer, self._vgg.shown(link.features, self._rgb.dtype)) for link in self._chain)
        own = (pull(layer, slice(0, features.shape[2]), features, None) for layer, features in shown)
        return (
            torch.stack([torch.linalg.vector_norm(one, torch.inf) for one in own])
            .max()
            .clamp_min(torch.finfo(self._rgb.dtype).tiny)
        )


def recomputed(vgg: Vgg, path: Sequence[str], kept_from: str | None) -> int:
    """How many layers of a path are gone through again on the way back.  Raises UnknownName for a layer that does not exist."""
    if kept_from is None or kept_from == PIXELS:
        return 0 if kept_from == PIXELS else len(path)
    # It need not be on the path: a plan is for all layers named, and those of weight 0 are not measured.
    deepest = vgg.architecture.index(vgg.architecture.layer(kept_from))
    again = sum(vgg.architecture.index(layer) <= deepest for layer in path)
    # The first block's bands are made again in any case, and it is not cut.
    return 0 if vgg.opening(path) is not None and vgg.opening(path[:again]) is None else again


def _link(
    vgg: Vgg,
    start: Tensor,
    after: str | None,
    layer: str,
    *,
    pooled: bool,
    trimmed: tuple[torch.Size, slice, slice] | None,
) -> _Link:
    with torch.enable_grad():
        begin = _Begin.apply(start, torch.zeros(0, dtype=torch.float32, device="cpu", requires_grad=True))  # type: ignore[no-untyped-call]
        end = vgg.stretch(begin, after, layer, pooled=pooled)
        edge, incoming = get_gradient_edge(begin), _Incoming()
        number = _End.apply(end, incoming)  # type: ignore[no-untyped-call]
    return _Link(layer, edge, number, incoming, end.detach(), trimmed)


def _untrimmed(gradient: Tensor, shape: torch.Size, rows: slice, columns: slice) -> Tensor:
    """A gradient at trimmed features, as one at all of them."""
    whole = torch.empty(shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last).zero_()
    whole[:, :, rows, columns] = gradient
    return whole


def _unseen(layer: str, rows: slice, features: Tensor) -> None:
    """It was seen before."""
