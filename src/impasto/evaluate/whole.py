"""The whole picture at once: one pass forward, one back, through the measured layers one by one.

Forward each layer is measured; the objective scores the statistics and gives its slope at each; on the way back a term's
gradient is added to what comes from below when its layer is reached, and the layer is let go.  That is autograd's gradient, but
without the gradients of all terms standing in memory at once; and the first block, whose outputs are the largest, goes by in
bands of rows where the network can do that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from impasto.evaluate.evaluation import Evaluation
from impasto.losses import PIXELS, Statistic, pull
from impasto.objective import Objective
from impasto.vgg import Vgg

_ALL: Final = slice(None)


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


@dataclass(frozen=True)
class _Link:
    """One stretch of the network, from where its graph starts to where it ends, and the layer's features there."""

    layer: str
    start: GradientEdge
    end: GradientEdge
    features: Tensor


@dataclass
class _Pass:
    """What a pass forward leaves for the way back: the network's input, the first block's marks, the links, the statistics."""

    entered: Tensor
    marks: Tensor | None = None
    chain: list[_Link] = field(default_factory=list)
    statistics: dict[int, Statistic] = field(default_factory=dict)


@dataclass(frozen=True)
class Whole:
    """Evaluates an objective on the whole picture."""

    vgg: Vgg
    objective: Objective

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb [1, 3, H, W], sRGB-encoded, 0..1."""
        rgb = rgb.detach()
        with torch.no_grad(), self.vgg.exactly():
            done = self._forward(rgb)
            total, parts, upstream = self.objective.slopes([done.statistics[at] for at in range(len(self.objective.parts))])
            gradient = self._backward(rgb, done, upstream)
            # One transfer: each is a wait for the device.
            value, *others = torch.stack([total, *parts.values()]).tolist()
        return Evaluation(value, dict(zip(parts, others, strict=True)), gradient)

    def _forward(self, rgb: Tensor) -> _Pass:
        path = self.vgg.path(self.objective.layers)
        done = _Pass(self.vgg.entrance(rgb, path))
        self._see(done, PIXELS, _ALL, rgb)
        opening = self.vgg.opening(path)
        start, after = done.entered, None
        if opening is not None:
            first, after = self.vgg.architecture.layers[:2]
            start, done.marks = opening.forward(start, lambda rows, features: self._see(done, first, rows, features))
            path = tuple(layer for layer in path if layer != first)
        for layer in path:
            with torch.enable_grad():
                begin = _Begin.apply(start, torch.zeros(0, requires_grad=True))  # type: ignore[no-untyped-call]
                end = self.vgg.stretch(begin, after, layer, pooled=after is not None and not done.chain)
            edges = get_gradient_edge(begin), get_gradient_edge(end)
            start, after = end.detach(), layer
            del begin, end
            self._see(done, layer, _ALL, self.vgg.shown(start, rgb.dtype))
            done.chain.append(_Link(layer, *edges, start))
        return done

    def _see(self, done: _Pass, layer: str, rows: slice, features: Tensor) -> None:
        """Measures some rows of a layer."""
        for at in self.objective.at(layer):
            term = self.objective.parts[at].term
            statistic = (term if rows == _ALL else term.part(rows)).measure(features)
            done.statistics[at] = done.statistics[at] + statistic if at in done.statistics else statistic

    def _backward(self, rgb: Tensor, done: _Pass, upstream: list[Tensor]) -> Tensor:
        """∂J/∂rgb; empties the chain."""
        # A float16 network's gradients would vanish, so they go back with the largest of the terms' own at 1.
        unit = self._largest(done.chain, upstream, rgb.dtype) if self.vgg.dtype == torch.float16 and done.chain else None
        gradient: Tensor | None = None
        while done.chain:
            gradient, start, end = self._at_end(done.chain.pop(), rgb.dtype, upstream, unit, gradient)
            (gradient,) = torch.autograd.grad(end, start, gradient)
        opening = self.vgg.opening(self.vgg.path(self.objective.layers))
        if opening is not None and gradient is not None and done.marks is not None:
            first = self.vgg.architecture.layers[0]
            gradient = opening.backward(
                done.entered, gradient, done.marks, lambda rows, f, into: self._pull(first, rows, f, upstream, into)
            )
        gradient = torch.zeros_like(rgb) if gradient is None else self.vgg.entrance_slope(gradient, rgb.dtype, unit)
        return self._pull(PIXELS, _ALL, rgb, upstream, gradient)

    def _at_end(
        self, link: _Link, dtype: torch.dtype, upstream: list[Tensor], unit: Tensor | None, gradient: Tensor | None
    ) -> tuple[Tensor, GradientEdge, GradientEdge]:
        """The gradient at a link's end, with that of its layer's terms, and the link's graph; its features are done with."""
        features = self.vgg.shown(link.features, dtype)
        if features.dtype == self.vgg.dtype:
            return self._pull(link.layer, _ALL, features, upstream, gradient), link.start, link.end
        own = self.vgg.unshown(self._pull(link.layer, _ALL, features, upstream), unit)
        return own if gradient is None else gradient.add_(own), link.start, link.end

    def _pull(self, layer: str, rows: slice, features: Tensor, upstream: list[Tensor], into: Tensor | None = None) -> Tensor:
        """The gradient of a layer's terms at some of its rows, added to what came from the layers below it."""
        for at in self.objective.at(layer):
            term = self.objective.parts[at].term
            into = pull(term if rows == _ALL else term.part(rows), features, upstream[at], into)
        return torch.zeros_like(features) if into is None else into

    def _largest(self, chain: list[_Link], upstream: list[Tensor], dtype: torch.dtype) -> Tensor:
        """The largest entry of the gradients of all terms at their features."""
        pulls = (self._pull(link.layer, _ALL, self.vgg.shown(link.features, dtype), upstream) for link in chain)
        return torch.stack([one.abs().max() for one in pulls]).max().clamp_min(torch.finfo(dtype).tiny)
