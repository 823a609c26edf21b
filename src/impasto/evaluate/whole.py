"""The whole picture at once: one pass forward, one back, through the measured layers one by one.

Forward each layer is measured; the objective scores the statistics and gives its slope at each; on the way back a term's
gradient is added to what comes from below when its layer is reached, and the layer is let go.  That is autograd's gradient, but
without the gradients of all terms standing in memory at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.evaluate.evaluation import Evaluation
from impasto.losses import PIXELS, Statistic, pull
from impasto.objective import Objective
from impasto.vgg import Vgg


@dataclass(frozen=True)
class _Link:
    """One stretch of the network: `end` has a graph back to `start`; `leaf` is `end` without it, where the next begins."""

    layer: str
    start: Tensor
    end: Tensor
    leaf: Tensor


@dataclass(frozen=True)
class Whole:
    """Evaluates an objective on the whole picture."""

    vgg: Vgg
    objective: Objective

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb [1, 3, H, W], sRGB-encoded, 0..1."""
        rgb = rgb.detach()
        with torch.no_grad(), self.vgg.exactly():
            chain, statistics = self._forward(rgb)
            total, parts, upstream = self.objective.slopes([statistics[at] for at in range(len(self.objective.parts))])
            gradient = self._backward(rgb, chain, upstream)
        # One transfer: each is a wait for the device.
        value, *others = torch.stack([total, *parts.values()]).tolist()
        return Evaluation(value, dict(zip(parts, others, strict=True)), gradient)

    def _forward(self, rgb: Tensor) -> tuple[list[_Link], dict[int, Statistic]]:
        """The stretches, and the statistic of each term by its position."""
        path = self.vgg.path(self.objective.layers)
        statistics = {at: self.objective.parts[at].term.measure(rgb) for at in self.objective.at(PIXELS)}
        chain: list[_Link] = []
        start, after = rgb.clone().requires_grad_(), None
        for layer in path:
            with torch.enable_grad():
                end = self.vgg.stretch(self.vgg.entrance(start, path) if after is None else start, after, layer)
            leaf = end.detach()
            features = self.vgg.shown(leaf, rgb.dtype)
            for at in self.objective.at(layer):
                statistics[at] = self.objective.parts[at].term.measure(features)
            chain.append(_Link(layer, start, end, leaf.requires_grad_()))
            start, after = leaf, layer
        return chain, statistics

    def _backward(self, rgb: Tensor, chain: list[_Link], upstream: list[Tensor]) -> Tensor:
        """∂J/∂rgb; empties the chain."""
        # A float16 network's gradients would vanish, so they go back with the largest of the terms' own at 1.
        unit = self._largest(chain, upstream, rgb.dtype) if self.vgg.dtype == torch.float16 and chain else None
        gradient: Tensor | None = None
        while chain:
            link = chain.pop()
            features = self.vgg.shown(link.leaf.detach(), rgb.dtype)
            if features.dtype == self.vgg.dtype:
                gradient = self._pull(link.layer, features, upstream, gradient)
            else:
                own = self.vgg.unshown(self._pull(link.layer, features, upstream), unit)
                gradient = own if gradient is None else gradient.add_(own)
            (gradient,) = torch.autograd.grad(link.end, link.start, gradient)
        gradient = torch.zeros_like(rgb) if gradient is None else gradient if unit is None else gradient * unit
        for at in self.objective.at(PIXELS):
            gradient = pull(self.objective.parts[at].term, rgb, upstream[at], gradient)
        return gradient

    def _pull(self, layer: str, features: Tensor, upstream: list[Tensor], into: Tensor | None = None) -> Tensor:
        """The gradient of a layer's terms at its features, added to what came from the layers below it."""
        for at in self.objective.at(layer):
            into = pull(self.objective.parts[at].term, features, upstream[at], into)
        return torch.zeros_like(features) if into is None else into

    def _largest(self, chain: list[_Link], upstream: list[Tensor], dtype: torch.dtype) -> Tensor:
        """The largest entry of the gradients of all terms at their features."""
        pulls = (self._pull(link.layer, self.vgg.shown(link.leaf.detach(), dtype), upstream) for link in chain)
        return torch.stack([one.abs().max() for one in pulls]).max().clamp_min(torch.finfo(dtype).tiny)
