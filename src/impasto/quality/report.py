"""`score`: all numbers of one picture, measured against its photograph and its style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import Tensor

from impasto.errors import ImageTooSmall
from impasto.images import Picture, fit
from impasto.objective import style_grams
from impasto.quality.colors import color_distance
from impasto.quality.defects import border, noise
from impasto.quality.patches import patch_distance
from impasto.quality.structure import LAYER, cfsd
from impasto.settings import FIVE_STYLE_LAYERS
from impasto.vgg import Vgg

_CONTENT: Final = "conv4_2"


@dataclass(frozen=True)
class Scores:
    """Of one picture; docs/quality.md says what each number means.  Distances are 0 for the same, ratios 1 for no difference."""

    size: tuple[int, int]
    """(height, width) at which structure, style and colours were compared."""

    structure: float
    content: float
    style: float
    style_layers: dict[str, float]
    other_networks: dict[str, float]
    patches: float
    colors_style: float
    colors_content: float
    noise: float
    border: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@torch.no_grad()
def score(
    picture: Picture, content: Picture, styles: Sequence[Picture], *, vgg: Vgg, others: Sequence[Vgg] = (), size_px: int = 512
) -> Scores:
    """Measures a picture against the photograph and the styles it was made of.

    `size_px`: the long side at which it is compared; none is enlarged.  `others`: networks that it was not made with.
    With several styles each number is the mean.  Raises ImageTooSmall for fewer than 32 px a side.
    """
    size = _reduced(picture.size, size_px)
    for role, one in [("the picture", picture), ("the photograph", content), *(("a style", style) for style in styles)]:
        if min(one.size) < _LEAST_PX:
            raise ImageTooSmall(
                f"{role} {one.name} is {one.size[1]}x{one.size[0]}, but to be compared it needs {_LEAST_PX} px a side; "
                f"use a larger one",
                size=one.size,
                min_side_px=_LEAST_PX,
            )
    made, photo = picture.at(size), content.at(size)
    painted = [style.at(_reduced(style.size, max(size))) for style in styles]
    distances = [style_distances(vgg, made, style) for style in painted]
    layers = {layer: _mean([one[layer] for one in distances]) for layer in FIVE_STYLE_LAYERS}
    features = [vgg.features(rgb.to(vgg.device), (LAYER, _CONTENT)) for rgb in (made, photo)]
    away, still = (features[0][_CONTENT] - features[1][_CONTENT]).square().sum(), features[1][_CONTENT].square().sum()
    full = picture.rgb[None]
    return Scores(
        size=size,
        structure=cfsd(features[0][LAYER], features[1][LAYER]),
        content=float(away / still.clamp_min(1e-12)),
        style=_mean(list(layers.values())),
        style_layers=layers,
        other_networks={
            other.architecture.name: _mean([_mean(list(style_distances(other, made, style).values())) for style in painted])
            for other in others
        },
        patches=_mean([patch_distance(made, style) for style in painted]),
        colors_style=_mean([color_distance(made, style) for style in painted]),
        colors_content=color_distance(made, photo),
        noise=noise(full) / max(noise(source.at(_reduced(source.size, max(picture.size)))) for source in (content, *styles)),
        border=border(full) / border(content.at(picture.size)),
    )


_LEAST_PX: Final = 32


def style_distances(vgg: Vgg, one: Tensor, style: Tensor) -> dict[str, float]:
    """Σ(G_S − G)² / Σ G_S² at the five style layers: 0 is the style's Gram matrix, 1 is as far as nothing at all."""
    layers = tuple(FIVE_STYLE_LAYERS)
    ours, theirs = (style_grams(vgg, rgb.to(vgg.device), layers) for rgb in (one, style))
    return {
        layer: float((ours[layer] - theirs[layer]).square().sum() / theirs[layer].square().sum().clamp_min(1e-12))
        for layer in layers
    }


def _reduced(size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    """No longer than that, but for a picture so narrow that its short side would be too short to be compared."""
    least = math.ceil(_LEAST_PX * max(size) / min(size))
    return fit(size, min(max(long_side_px, least), max(size)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
