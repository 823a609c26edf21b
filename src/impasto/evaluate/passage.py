"""One way through the network and back, through the measured layers one by one.

On the way back the terms' gradient is added to what comes from below when their layer is reached, and the layer is let go.  That
is autograd's gradient, but without the gradients of all terms standing in memory at once; and the first block, whose outputs are
the largest, goes by in bands of rows where the network can do that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.autograd.graph import GradientEdge, get_gradient_edge

from impasto.vgg import Vgg
from impasto.vgg.features import See

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
    """One stretch of the network: where its graph starts, a number for its end, the gradient there, the layer's features."""

    layer: str
    start: GradientEdge
    end: Tensor
    incoming: _Incoming
    features: Tensor


class Passage:
    """Forward at once, back when asked; once.  To be used inside `vgg.exactly()` and without gradients of the caller's."""

    def __init__(self, vgg: Vgg, path: Sequence[str], rgb: Tensor, see: See) -> None:
        """rgb: [1, 3, H, W], sRGB-encoded, 0..1; `see` gets every row of the layers of the path once (`vgg.path`)."""
        self._vgg = vgg
        self._dtype = rgb.dtype
        self._entered = vgg.entrance(rgb, path)
        self._opening = vgg.opening(path)
        self._first = vgg.architecture.layers[0]
        self._marks: Tensor | None = None
        self._chain: list[_Link] = []
        start, after = self._entered, None
        if self._opening is not None:
            after = vgg.architecture.layers[1]
            start, self._marks = self._opening.forward(
                start, lambda rows, features: see(self._first, rows, vgg.shown(features, rgb.dtype))
            )
            path = [layer for layer in path if layer != self._first]
        for layer in path:
            with torch.enable_grad():
                begin = _Begin.apply(start, torch.zeros(0, requires_grad=True))  # type: ignore[no-untyped-call]
                end = vgg.stretch(begin, after, layer, pooled=after is not None and not self._chain)
                edge, incoming = get_gradient_edge(begin), _Incoming()
                number = _End.apply(end, incoming)  # type: ignore[no-untyped-call]
            start, after = end.detach(), layer
            del begin, end
            see(layer, slice(0, start.shape[2]), vgg.shown(start, rgb.dtype))
            self._chain.append(_Link(layer, edge, number, incoming, start))

    def back(self, pull: Pull) -> Tensor:
        """The gradient at rgb, [1, 3, H, W], of what `pull` gives at the layers; 0 for a path without layers."""
        # A float16 network's gradients would vanish, so they go back with the largest of the terms' own at 1.
        unit = self._largest(pull) if self._vgg.dtype == torch.float16 and self._chain else None
        gradient: Tensor | None = None
        while self._chain:
            start, end = self._at_end(self._chain.pop(), pull, unit, gradient)
            (gradient,) = torch.autograd.grad(end, start)
        if gradient is None:
            return torch.zeros(self._entered.shape, dtype=self._dtype, device=self._entered.device)
        if self._opening is not None and self._marks is not None:
            gradient = self._opening.backward(self._entered, gradient, marks=self._marks, pull=partial(self._in_band, pull))
        return self._vgg.entrance_slope(gradient, self._dtype, unit)

    def _at_end(self, link: _Link, pull: Pull, unit: Tensor | None, gradient: Tensor | None) -> tuple[GradientEdge, Tensor]:
        """A link's graph, the gradient at its end with that of its layer's terms put there; its features are done with."""
        features = self._vgg.shown(link.features, self._dtype)
        rows = slice(0, features.shape[2])
        if features is link.features:
            link.incoming.gradient = pull(link.layer, rows, features, gradient)
        else:
            own = self._vgg.unshown(pull(link.layer, rows, features, None), unit)
            link.incoming.gradient = own if gradient is None else gradient.add_(own)
        return link.start, link.end

    def _in_band(self, pull: Pull, rows: slice, features: Tensor, into: Tensor) -> None:
        """Adds the gradient of the first layer's terms in a band."""
        shown = self._vgg.shown(features, self._dtype)
        if shown is features:
            pull(self._first, rows, features, into)
        else:
            into.add_(self._vgg.unshown(pull(self._first, rows, shown, None)))

    def _largest(self, pull: Pull) -> Tensor:
        """The largest entry of the gradients of all terms at their features."""
        shown = ((link.layer, self._vgg.shown(link.features, self._dtype)) for link in self._chain)
        own = (pull(layer, slice(0, features.shape[2]), features, None) for layer, features in shown)
        return (
            torch.stack([torch.linalg.vector_norm(one, torch.inf) for one in own]).max().clamp_min(torch.finfo(self._dtype).tiny)
        )
