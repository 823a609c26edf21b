"""Gram statistic of style: G = (1/n) Σ_p f_p f_pᵀ.  Gatys, Ecker, Bethge 2015, eq. 3, there not averaged.

Averaging over the n = H·W positions lets the style picture have any size; for equal sizes the loss is the paper's eq. 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.losses.products import add_at_each_position, at_each_position, blocks, outer_sum, together
from impasto.losses.statistic import Statistic
from impasto.torch_modes import exact_arithmetic

VERSION: Final = 4
"""Of what a Gram statistic is, to the last bit: one more whenever it is defined or summed in another way, so that none which
was kept from before is taken for it.
"""


class _GramSum(torch.autograd.Function):
    """Σ_p f_p f_pᵀ with one matrix product back: its gradient is (Ḡ + Ḡᵀ)·F, where autograd would compute Ḡ·F and Ḡᵀ·F."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        return outer_sum(features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        return at_each_position(upstream + upstream.transpose(1, 2), features)


def gram_sum(features: Tensor) -> Tensor:
    """Σ_p f_p f_pᵀ of features [B, C, H, W] → [B, C, C]."""
    return _GramSum.apply(features)  # type: ignore[no-any-return, no-untyped-call]


@exact_arithmetic()
def gram_matrix(features: Tensor) -> Tensor:
    """Gram matrices averaged over positions: features [B, C, H, W] → [B, C, C]."""
    return gram_sum(features) / (features.shape[2] * features.shape[3])


def gram_distance(generated: Tensor, style: Tensor) -> Tensor:
    """Σ_ij (G_S − G_G)² / (4·C²) of Gram matrices [..., C, C] → [...].  Gatys, Ecker, Bethge 2015, eq. 4."""
    channels = style.shape[-1]
    return (generated - style).square().sum((-2, -1)) / (4 * channels**2)


class _Distance(torch.autograd.Function):
    """gram_distance(total / count, style) of matrices [C, C], with three passes over them there and one back.

    They are small, but the kernels of a convolution drive them out of the caches, and with small pictures each pass shows.
    """

    @staticmethod
    def forward(ctx: Any, total: Tensor, style: Tensor, count: float) -> Tensor:
        away = torch.sub(total, style, alpha=count)
        ctx.save_for_backward(away)
        ctx.scale = 1 / (4 * style.shape[0] ** 2 * count**2)
        found: Tensor = torch.dot(away.view(-1), away.view(-1)) * ctx.scale
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (away,) = ctx.saved_tensors
        return away * (2 * ctx.scale * upstream), None, None


@exact_arithmetic()
def style_loss(generated: Tensor, style: Tensor) -> Tensor:
    """J_style at one layer of features [B, C, H, W] and [B or 1, C, H', W'] → scalar, averaged over the batch."""
    return gram_distance(gram_matrix(generated), gram_matrix(style)).mean()


@dataclass(frozen=True)
class GramTerm:
    """Style at one layer against a target Gram matrix [C, C].

    `guide`: [H, W], 0..1, how much each position of the layer counts; None is all alike (Gatys et al. 2017, arXiv 1611.07865).
    """

    layer: str
    target: Tensor
    guide: Tensor | None = None
    _converted: dict[torch.dtype, Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """(Σ w f fᵀ, Σ w) over the positions of features [1, C, H, W]."""
        if self.guide is not None:
            weight = self.guide if weight is None else self.guide * weight
        return measure_gram(features, weight)

    def score(self, total: Statistic) -> Tensor:
        """Σ (G − target)² / (4·C²)."""
        found: Tensor = _Distance.apply(total.total, self._target(total.total.dtype), total.count)  # type: ignore[no-untyped-call]
        return found

    def distance(self, gram: Tensor) -> Tensor:
        """Of an averaged Gram matrix [C, C] to the target."""
        return gram_distance(gram, self.target)

    def _target(self, dtype: torch.dtype) -> Tensor:
        if self.target.dtype == dtype:
            return self.target
        if dtype not in self._converted:
            self._converted[dtype] = self.target.to(dtype)
        return self._converted[dtype]

    def part(self, rows: slice, columns: slice) -> GramTerm:
        """The term for some rows and columns: itself, since a Gram matrix knows no positions, but for those of a guide."""
        return self if self.guide is None else replace(self, guide=self.guide[rows, columns])

    def pull(self, features: Tensor, upstream: Tensor, into: Tensor | None) -> Tensor:
        """w·(Ḡ + Ḡᵀ)·F, added to `into` in one pass over it."""
        return pull_gram(features, upstream + upstream.T, into, self.guide)


def pull_gram(features: Tensor, symmetric: Tensor, into: Tensor | None, guide: Tensor | None) -> Tensor:
    """w·S·F of features [1, C, H, W] and a symmetric S [C, C], added to `into` in place where given; guide: w, [H, W]."""
    if guide is not None:
        into = torch.zeros_like(features) if into is None else into
        for rows in blocks(features):
            part = together(features[:, :, rows])
            into[:, :, rows] += at_each_position(symmetric[None], part).mul_(guide[rows])
        return into
    if into is None:
        return at_each_position(symmetric[None], features)
    add_at_each_position(symmetric, features, into)
    return into


def measure_gram(features: Tensor, weight: Tensor | None = None) -> Statistic:
    """The Gram statistic of features [1, C, H, W]; weight: [H, W], 0 or more, or None for 1 everywhere."""
    count = features.shape[2] * features.shape[3] if weight is None else float(weight.sum())
    in_one_piece = features.is_contiguous(memory_format=torch.channels_last)
    # The square root on both factors keeps the product symmetric.
    root = None if weight is None else weight.sqrt()
    if features.requires_grad or (root is None and in_one_piece):
        return Statistic(gram_sum(features if root is None else features * root)[0], count)
    # Part of a window: flattened as a whole it would be copied, and turned around, at four times the cost of the product.
    total = features.new_zeros(features.shape[1], features.shape[1])
    for block in blocks(features):
        part = together(features[:, :, block])
        total += outer_sum(part if root is None else part * root[block])[0]
    return Statistic(total, count)
