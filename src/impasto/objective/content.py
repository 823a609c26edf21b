"""The content part: a layer's features, how alike its positions are, or the picture's edges."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.losses import ContentTerm, LaplacianTerm, Pieces, Statistic, Term
from impasto.losses.bands import measure
from impasto.losses.laplacian import fits, laplacian
from impasto.losses.pieces import Store
from impasto.losses.similarity import SelfSimilarityTerm, self_similarity
from impasto.objective.parts import Part, emphasis, positive, scale_of
from impasto.objective.survey import Survey, wide
from impasto.settings import Settings
from impasto.vgg import Vgg

_ALL: Final = slice(None)


def content_parts(settings: Settings, vgg: Vgg, content: Tensor, survey: Survey, store: Store | None) -> list[Part]:
    """Of a photograph [1, 3, H, W]; `store`: where targets are kept, None is in memory."""
    if settings.content_loss == "laplacian":
        return _edge_parts(settings, content)
    return _layer_parts(settings, vgg, content, survey, store)


def _layer_parts(settings: Settings, vgg: Vgg, content: Tensor, survey: Survey, store: Store | None) -> list[Part]:
    weights = positive(settings.content_layers)
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
        scale = scale_of(nothing) / emphasis(settings.content_loss) if settings.normalize == "targets" else 1.0
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
        known = scale_of(still, _FEWEST_EDGES * count) / emphasis(settings.content_loss)
        scale = known if settings.normalize == "targets" else 1.0
        parts.append(Part("content", term, 1 / (len(cells) * scale)))
    return parts
