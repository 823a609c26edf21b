"""The style part: one term a layer and mask, against what is kept of the styles that paint there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from impasto.controls.guides import guide
from impasto.losses.styles import KIND_OF, Kind, mixed, of_nothing, style_term
from impasto.objective.measuring import Grams, Known, Masked, Style
from impasto.objective.parts import Part, emphasis, positive, scale_of
from impasto.objective.survey import Survey
from impasto.settings import Settings
from impasto.vgg import Vgg


def style_parts(
    settings: Settings, vgg: Vgg, styles: Iterable[Style], masks: Sequence[Tensor | None], *, grams: Grams, survey: Survey
) -> list[Part]:
    """`masks`: for each style where it paints, [H, W], or none at all; styles with the same one are blended there."""
    layers = positive(settings.style_layers)
    kind = KIND_OF[settings.style_loss]
    own = [measured(settings, vgg, style, list(layers), kind=kind, grams=grams, survey=survey) for style in styles]
    given = masks if len(masks) > 0 else [None] * len(own)
    regions = {id(mask): mask for mask in given}
    parts = []
    for key, mask in regions.items():
        here = [number for number, other in enumerate(given) if id(other) == key]
        for layer, weight in layers.items():
            at = [number for number in here if settings.paints_layer(number, layer)]
            if not at:
                continue
            weights = [1.0] * len(at) if settings.style_weights is None else [settings.style_weights[number] for number in at]
            target = mixed(kind, [own[number][layer] for number in at], None if settings.style_weights is None else weights)
            pull = sum(one * settings.pull_of_style(number) for one, number in zip(weights, at, strict=True)) / sum(weights)
            # By its share of the picture, so that a position is pulled as hard as without masks.
            counts, share = (None, 1.0) if mask is None else guide(mask, vgg, layer, settings.guides)
            term = style_term(settings.style_loss, layer, target, counts)
            scale = scale_of(of_nothing(term)) / emphasis(settings.style_loss) if settings.normalize == "targets" else 1.0
            parts.append(Part("style", term, pull * share * weight / scale))
    return parts


def measured(
    settings: Settings, vgg: Vgg, style: Style, layers: Sequence[str], *, kind: Kind, grams: Grams, survey: Survey
) -> dict[str, Tensor]:
    """What is kept of one style, by layers."""
    if isinstance(style, Masked):
        guides = {layer: guide(style.mask, vgg, layer, settings.guides)[0] for layer in vgg.path(layers)}
        return grams(vgg, style.rgb, layers, survey, kind, guides)
    if isinstance(style, Known):
        return style.known(vgg, layers, kind)
    return grams(vgg, style, layers, survey, kind, None)
