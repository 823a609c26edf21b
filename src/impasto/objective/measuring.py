"""What is kept of a style: statistics of its layers, of the whole picture or of where a mask is white."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from impasto.losses import Statistic
from impasto.losses.styles import SUMMARIES, SUMS, Kind
from impasto.objective.survey import WHOLE, Survey, wide
from impasto.vgg import Vgg

Guides = Mapping[str, Tensor]
"""How much each position of a layer counts, by layers: [H, W], 0..1."""


@dataclass(frozen=True)
class Masked:
    """A style of which only a part counts: rgb [1, 3, H, W], sRGB-encoded, 0..1, and a mask [H, W], 0..1."""

    rgb: Tensor
    mask: Tensor


@runtime_checkable
class Known(Protocol):
    """A style of which only statistics are known."""

    def known(self, vgg: Vgg, layers: Sequence[str], kind: Kind) -> dict[str, Tensor]:
        """Those of layers, as `style_grams` gives them; raises InvalidSettings for what it does not have."""


Style = Tensor | Masked | Known


def style_grams(
    vgg: Vgg,
    style: Tensor,
    layers: Sequence[str],
    survey: Survey = WHOLE,
    kind: Kind = "gram",
    guides: Guides | None = None,
) -> dict[str, Tensor]:
    """One style's own Gram matrices, averaged over positions: {layer: [C, C]}; style: [1, 3, H, W], sRGB-encoded, 0..1.

    `kind`: what else is kept of it (losses/styles.py); `guides`: for each layer of the way how much its positions count.
    """
    if kind not in SUMS:
        return _summaries(vgg, style, layers, survey, kind, guides)
    measure = SUMS[kind]
    sums: dict[str, Statistic] = {}

    def see(layer: str, rows: slice, columns: slice, features: Tensor) -> None:
        weight = None if guides is None else guides[layer][rows, columns].to(features)
        statistic = wide(measure(features, weight))
        sums[layer] = sums[layer] + statistic if layer in sums else statistic

    survey.show(vgg, style, layers, see)
    path = vgg.path(layers)
    merged = dict(zip(path, survey.merge([sums[layer] for layer in path]), strict=True))
    return {layer: merged[vgg.architecture.layer(layer)].mean().to(style.dtype) for layer in layers}


def _summaries(
    vgg: Vgg, style: Tensor, layers: Sequence[str], survey: Survey, kind: Kind, guides: Guides | None
) -> dict[str, Tensor]:
    """What is kept of all positions at once; of guides, of those that count at least half as much as any."""
    pieces: dict[str, list[Tensor]] = {}

    def see(layer: str, rows: slice, columns: slice, features: Tensor) -> None:
        flat = features.flatten(2)
        if guides is not None:
            flat = flat[:, :, guides[layer][rows, columns].flatten() * 2 >= guides[layer].max()]
        pieces.setdefault(layer, []).append(flat.clone())

    survey.show(vgg, style, layers, see)
    found = {layer: SUMMARIES[kind](torch.cat(pieces.pop(layer), 2)[:, :, None]) for layer in list(pieces)}
    return {layer: found[vgg.architecture.layer(layer)] for layer in layers}


Grams = Callable[[Vgg, Tensor, Sequence[str], Survey, Kind, Guides | None], dict[str, Tensor]]
"""What gives the statistics of a style: `style_grams`, or one that remembers what it gave."""
