"""The objective: J = α·J_content + β·J_style + γ·J_variation, with its targets.

Each part is a weighted sum of terms.  With `normalize="targets"` a term is divided by a scale taken from its own target, so
that α, β and γ mean the same at every size and for every style (docs/objective.md):

- content: Σ a_C² / (4·H·W·C), the loss of a picture whose features are all 0
- style: Σ_ij G_S² / (4·C²), likewise
- variation: the total variation of the photograph
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.losses import PIXELS, ContentTerm, LaplacianTerm, Pieces, Reaches, Statistic, Term, VariationTerm
from impasto.losses.bands import measure
from impasto.losses.laplacian import fits, laplacian
from impasto.losses.pieces import Store
from impasto.losses.similarity import SelfSimilarityTerm, self_similarity
from impasto.losses.styles import KIND_OF, SUMMARIES, SUMS, Kind, mixed, of_nothing, style_term
from impasto.settings import Settings, canonical_layer
from impasto.vgg import Vgg

PARTS: Final = ("content", "style", "variation")

_ALL: Final = slice(None)


@dataclass(frozen=True)
class Part:
    """One term, the part of J it belongs to, and its weight within that part (λ over its scale)."""

    part: str
    term: Term
    weight: float


@dataclass(frozen=True)
class Objective:
    """The weighted sum of the terms; `weights` are α, β, γ by part."""

    parts: Sequence[Part]
    weights: Mapping[str, float]

    @property
    def layers(self) -> tuple[str, ...]:
        """The network's layers that some term measures."""
        return tuple(dict.fromkeys(part.term.layer for part in self.parts if part.term.layer != PIXELS))

    @property
    def reach(self) -> int:
        """How many rows below their own the terms of the picture itself look at."""
        return max((part.term.reach for part in self.parts if isinstance(part.term, Reaches)), default=0)

    def at(self, layer: str) -> list[int]:
        """Which parts' terms measure a layer, by its canonical name or PIXELS: their positions."""
        return [at for at, part in enumerate(self.parts) if canonical_layer(part.term.layer) == layer]

    def score(self, statistics: Sequence[Statistic]) -> tuple[Tensor, dict[str, Tensor]]:
        """J, and the parts J_content, J_style, J_variation without α, β, γ, from the merged statistics."""
        sums: dict[str, Tensor] = {}
        for part, statistic in zip(self.parts, statistics, strict=True):
            value = part.weight * part.term.score(statistic)
            sums[part.part] = sums[part.part] + value if part.part in sums else value
        total = torch.stack([self.weights[name] * value for name, value in sums.items()]).sum()
        return total, sums

    def slopes(self, statistics: Sequence[Statistic]) -> tuple[Tensor, dict[str, Tensor], list[Tensor]]:
        """J and its parts, as `score` gives them, and ∂J/∂total for each statistic."""
        with torch.enable_grad():
            loose = [Statistic(statistic.total.detach().requires_grad_(), statistic.count) for statistic in statistics]
            total, parts = self.score(loose)
            upstream = torch.autograd.grad(total, [statistic.total for statistic in loose])
        return total.detach(), {name: value.detach() for name, value in parts.items()}, list(upstream)


See = Callable[[str, slice, slice, Tensor], None]
"""Gets a layer, rows and columns of it, and their features [1, C, rows, columns], which are its own only until it returns."""


class Survey(Protocol):
    """How a picture goes through the network to be measured: whole, in tiles, or shared by several processes."""

    @property
    def name(self) -> str:
        """What sums depend on in their last bit."""

    def show(self, vgg: Vgg, rgb: Tensor, layers: Sequence[str], see: See) -> None:
        """Shows every cell of the layers once; of several processes each shows its share.  rgb: [1, 3, H, W]."""

    def merge(self, statistics: Sequence[Statistic]) -> list[Statistic]:
        """With those of the other processes."""


class WholeSurvey:
    """The whole picture at once."""

    name: Final = "whole"

    def show(self, vgg: Vgg, rgb: Tensor, layers: Sequence[str], see: See) -> None:
        """What Survey says."""
        vgg.show(rgb, layers, lambda layer, rows, features: see(layer, rows, slice(0, features.shape[3]), features))

    def merge(self, statistics: Sequence[Statistic]) -> list[Statistic]:
        """Itself."""
        return list(statistics)


WHOLE: Final = WholeSurvey()


def style_grams(vgg: Vgg, style: Tensor, layers: Sequence[str], survey: Survey = WHOLE, kind: Kind = "gram") -> dict[str, Tensor]:
    """One style's own Gram matrices, averaged over positions: {layer: [C, C]}; style: [1, 3, H, W], sRGB-encoded, 0..1.

    `kind`: what else is kept of it (losses/styles.py).
    """
    if kind not in SUMS:
        return _summaries(vgg, style, layers, survey, kind)
    measure = SUMS[kind]
    sums: dict[str, Statistic] = {}

    def see(layer: str, rows: slice, columns: slice, features: Tensor) -> None:
        del rows, columns
        statistic = wide(measure(features))
        sums[layer] = sums[layer] + statistic if layer in sums else statistic

    survey.show(vgg, style, layers, see)
    path = vgg.path(layers)
    merged = dict(zip(path, survey.merge([sums[layer] for layer in path]), strict=True))
    return {layer: merged[vgg.architecture.layer(layer)].mean().to(style.dtype) for layer in layers}


def _summaries(vgg: Vgg, style: Tensor, layers: Sequence[str], survey: Survey, kind: Kind) -> dict[str, Tensor]:
    """What is kept of all positions at once."""
    pieces: dict[str, list[Tensor]] = {}

    def see(layer: str, rows: slice, columns: slice, features: Tensor) -> None:
        del rows, columns
        pieces.setdefault(layer, []).append(features.flatten(2).clone())

    survey.show(vgg, style, layers, see)
    found = {layer: SUMMARIES[kind](torch.cat(pieces.pop(layer), 2)[:, :, None]) for layer in list(pieces)}
    return {layer: found[vgg.architecture.layer(layer)] for layer in layers}


def wide(statistic: Statistic) -> Statistic:
    """In float64, where the device has it: sums of many pieces lose nothing then."""
    total = statistic.total
    return Statistic(total if total.device.type == "mps" else total.double(), statistic.count)


Grams = Callable[[Vgg, Tensor, Sequence[str], Survey, Kind], dict[str, Tensor]]
"""What gives the Gram matrices of a style: `style_grams`, or one that remembers what it gave."""


def blend(own: Sequence[Mapping[str, Tensor]], weights: Sequence[float] | None, kind: Kind = "gram") -> dict[str, Tensor]:
    """Of several styles' statistics {layer: …} one, by weights above 0; None is alike."""
    return {layer: mixed(kind, [each[layer] for each in own], weights) for layer in own[0]}


@torch.no_grad()
def build(
    settings: Settings,
    vgg: Vgg,
    content: Tensor,
    styles: Iterable[Tensor],
    *,
    masks: Sequence[Tensor | None] = (),
    grams: Grams = style_grams,
    survey: Survey = WHOLE,
    store: Store | None = None,
) -> Objective:
    """The objective of one level; content and styles: [1, 3, H, W], sRGB-encoded, 0..1, at that level's size.

    `masks`: for each style where it paints, [H, W], 0..1, or None for everywhere; styles with the same one are blended there.
    `grams` measures a style; `survey`: how pictures go through the network; `store`: where content targets are
    kept, None is in memory.  Parts whose weight is 0 are left out.  Raises InvalidSettings when nothing is left.
    """
    alpha, beta, gamma = settings.term_weights()
    weights = {"content": alpha, "style": beta, "variation": gamma}
    parts: list[Part] = []
    with vgg.exactly():
        if alpha > 0 and settings.content_loss == "laplacian":
            parts += _edge_parts(settings, content)
        elif alpha > 0:
            parts += _content_parts(settings, vgg, content, survey, store)
        if beta > 0:
            parts += _style_parts(settings, vgg, styles, list(masks), grams=grams, survey=survey)
    if gamma > 0:
        variation = VariationTerm(settings.variation_reduction)
        scale = _scale(variation.score(measure(variation, content)), 1e-3) if settings.normalize == "targets" else 1.0
        parts.append(Part("variation", variation, 1 / scale))
    if not parts:
        raise InvalidSettings("every term of the objective has weight 0; give content, style or variation a weight above 0")
    return Objective(tuple(parts), weights)


def _content_parts(settings: Settings, vgg: Vgg, content: Tensor, survey: Survey, store: Store | None) -> list[Part]:
    weights = _positive(settings.content_layers)
    height, width = content.shape[2:]
    path = vgg.path(weights)
    strides = {layer: vgg.architecture.stride(layer) for layer in path}
    targets = {layer: Pieces((height // strides[layer], width // strides[layer]), store=store) for layer in path}
    sums: dict[str, Statistic] = {}

    def see(layer: str, rows: slice, columns: slice, features: Tensor) -> None:
        targets[layer].add(rows, columns, features)
        statistic = wide(Statistic(features.square().sum(), features.shape[2] * features.shape[3]))
        sums[layer] = sums[layer] + statistic if layer in sums else statistic

    survey.show(vgg, content, path, see)
    still = dict(zip(path, survey.merge([sums[layer] for layer in path]), strict=True))
    parts = []
    for name, weight in weights.items():
        layer = vgg.architecture.layer(name)
        if settings.content_loss == "selfsim":
            similar = self_similarity(targets[layer][_ALL, _ALL, _ALL, _ALL])
            term: Term = SelfSimilarityTerm(name, similar, targets[layer].size)
            nothing = SelfSimilarityTerm(name, similar, targets[layer].size).nothing
        else:
            term = ContentTerm(name, targets[layer], settings.content_reduction)
            nothing = term.score(still[layer])
        scale = _scale(nothing) / _emphasis(settings.content_loss) if settings.normalize == "targets" else 1.0
        parts.append(Part("content", term, weight / scale))
    return parts


_CELLS_PX: Final = (4, 16)
"""Of the two Laplacians of the paper's pictures, each of which counts one half."""

_FEWEST_EDGES: Final = 1e-5
"""The least scale of a Laplacian: a photograph without edges (mist, a wall) does not ask for its noise."""


def _edge_parts(settings: Settings, content: Tensor) -> list[Part]:
    cells = [cell_px for cell_px in _CELLS_PX if fits((content.shape[2], content.shape[3]), cell_px)]
    if not cells:
        raise InvalidSettings("content_loss: laplacian needs 12 px a side; enlarge the picture", setting="content_loss")
    parts = []
    for cell_px in cells:
        term = LaplacianTerm(laplacian(content, cell_px), cell_px, settings.content_reduction)
        still = term.score(measure(term, torch.zeros_like(content)))
        count = term.target.numel() if settings.content_reduction == "sum" else 1
        known = _scale(still, _FEWEST_EDGES * count) / _emphasis(settings.content_loss)
        scale = known if settings.normalize == "targets" else 1.0
        parts.append(Part("content", term, 1 / (len(cells) * scale)))
    return parts


def _style_parts(
    settings: Settings, vgg: Vgg, styles: Iterable[Tensor], masks: Sequence[Tensor | None], *, grams: Grams, survey: Survey
) -> list[Part]:
    layers = _positive(settings.style_layers)
    kind = KIND_OF[settings.style_loss]
    own = [grams(vgg, style, list(layers), survey, kind) for style in styles]
    given = masks if len(masks) > 0 else [None] * len(own)
    regions = {id(mask): mask for mask in given}
    parts = []
    for key, mask in regions.items():
        at = [number for number, other in enumerate(given) if id(other) == key]
        weights = None if settings.style_weights is None else [settings.style_weights[number] for number in at]
        for layer, target in blend([own[number] for number in at], weights, kind).items():
            guide, share = (None, 1.0) if mask is None else _guide(mask, vgg.architecture.stride(layer))
            # By its share of the picture, so that a position is pulled as hard as without masks.
            term = style_term(settings.style_loss, layer, target, guide)
            scale = _scale(of_nothing(term)) / _emphasis(settings.style_loss) if settings.normalize == "targets" else 1.0
            parts.append(Part("style", term, share * layers[layer] / scale))
    return parts


def _guide(mask: Tensor, stride: int) -> tuple[Tensor, float]:
    """How much each position of a layer counts, [⌊H/stride⌋, ⌊W/stride⌋], the mean of its pixels, and the mean of all."""
    guide = F.avg_pool2d(mask[None, None], stride)[0, 0]
    share = float(guide.mean())
    if share < _LEAST_SHARE:
        raise InvalidSettings(
            "a mask leaves nothing to be painted: it is black, or smaller than what a layer sees; paint it white"
        )
    return guide, share


_LEAST_SHARE: Final = 1e-6


EMPHASIS: Final[Mapping[str, float]] = {"nearest": 0.15, "ot": 0.05, "selfsim": 20.0, "laplacian": 500.0}
"""With `normalize="targets"`, what makes a strength mean for a loss about what it means for Gram matrices and features.

Chosen by looking at pictures of several pairs; a loss that is not named needs nothing.
"""


def _emphasis(loss: str) -> float:
    return EMPHASIS.get(loss, 1.0)


def _positive(weights: Mapping[str, float]) -> dict[str, float]:
    return {layer: weight for layer, weight in weights.items() if weight > 0}


def _scale(value: Tensor, floor: float = 1e-12) -> float:
    """A term's scale; the floor keeps a target without energy (a black picture) from dividing by 0."""
    return max(float(value), floor)
