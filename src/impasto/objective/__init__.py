"""The objective: J = α·J_content + β·J_style + γ·J_variation, with its targets.

Each part is a weighted sum of terms.  With `normalize="targets"` a term is divided by a scale taken from its own target, so
that α, β and γ mean the same at every size and for every style (docs/objective.md):

- content: Σ a_C² / (4·H·W·C), the loss of a picture whose features are all 0
- style: Σ_ij G_S² / (4·C²), likewise
- variation: the total variation of the photograph
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.losses import VariationTerm
from impasto.losses.bands import measure
from impasto.losses.pieces import Store
from impasto.objective.content import content_parts
from impasto.objective.measuring import Grams, Guides, Known, Masked, Style, style_grams
from impasto.objective.parts import EMPHASIS, PARTS, Objective, Part, scale_of
from impasto.objective.style import measured, style_parts
from impasto.objective.survey import WHOLE, See, Survey, WholeSurvey, wide
from impasto.settings import Settings
from impasto.vgg import Vgg

__all__ = [
    "EMPHASIS",
    "PARTS",
    "WHOLE",
    "Grams",
    "Guides",
    "Known",
    "Masked",
    "Objective",
    "Part",
    "See",
    "Style",
    "Survey",
    "WholeSurvey",
    "build",
    "measured",
    "style_grams",
    "wide",
]


@torch.no_grad()
def build(
    settings: Settings,
    vgg: Vgg,
    content: Tensor,
    styles: Iterable[Style],
    *,
    masks: Sequence[Tensor | None] = (),
    grams: Grams = style_grams,
    survey: Survey = WHOLE,
    store: Store | None = None,
) -> Objective:
    """The objective of one level; content and styles: [1, 3, H, W], sRGB-encoded, 0..1, at that level's size.

    A style may also be one of which only a part counts, or of which only statistics are known.

    `masks`: for each style where it paints, [H, W], 0..1, or None for everywhere; styles with the same one are blended there.
    `grams` measures a style; `survey`: how pictures go through the network; `store`: where content targets are
    kept, None is in memory.  Parts whose weight is 0 are left out.  Raises InvalidSettings when nothing is left.
    """
    alpha, beta, gamma = settings.term_weights()
    weights = {"content": alpha, "style": beta, "variation": gamma}
    parts: list[Part] = []
    with vgg.exactly():
        if alpha > 0:
            parts += content_parts(settings, vgg, content, survey, store)
        if beta > 0:
            parts += style_parts(settings, vgg, styles, list(masks), grams=grams, survey=survey)
    if gamma > 0:
        variation = VariationTerm(settings.variation_reduction)
        scale = scale_of(variation.score(measure(variation, content)), 1e-3) if settings.normalize == "targets" else 1.0
        parts.append(Part("variation", variation, 1 / scale))
    if not parts:
        raise InvalidSettings("every term of the objective has weight 0; give content, style or variation a weight above 0")
    return Objective(tuple(parts), weights)
