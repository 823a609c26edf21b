"""Makes style files of paintings and of other style files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from impasto import manifest
from impasto.images import Picture
from impasto.losses.styles import Kind, mixed
from impasto.objective import WHOLE, Masked, Style, measured, style_grams
from impasto.presets import resolve
from impasto.run.levels import check_styles, style_size
from impasto.run.style_file import StyleFile, encoded_style, ladder
from impasto.vgg import Vgg


@torch.no_grad()
def made_style(
    sources: Sequence[Picture | StyleFile],
    vgg: Vgg,
    *,
    layers: Sequence[str],
    kinds: Sequence[Kind],
    weights: Sequence[float] | None = None,
) -> bytes:
    """A style file of paintings and style files, blended by weights as a run blends styles; None is alike.

    Transparent parts do not count.  Raises ImageTooSmall, or InvalidSettings for a style file that has not what is asked for.
    """
    named = list(dict.fromkeys(vgg.architecture.layer(layer) for layer in layers))
    least = vgg.architecture.min_side_px(vgg.architecture.deepest(tuple(named)))
    check_styles([source for source in sources if isinstance(source, Picture)], min_side_px=least)
    ladders = [source.sizes if isinstance(source, StyleFile) else ladder(max(source.size)) for source in sources]
    sizes = sorted({size for each in ladders for size in each})
    statistics: dict[tuple[Kind, int, str], Tensor] = {}
    with vgg.exactly():
        for size in sizes:
            seen = [_seen(source, vgg, long_side_px=size, least=least) for source in sources]
            for kind in kinds:
                own = [measured(resolve(), vgg, one, named, kind=kind, grams=style_grams, survey=WHOLE) for one in seen]
                for layer in named:
                    statistics[kind, size, layer] = mixed(kind, [one[layer] for one in own], weights)
    facts = {
        "pictures": _pictures(sources, weights),
        "network": {"name": vgg.architecture.name, "sha256": vgg.weights.sha256, "pooling": vgg.pooling},
        "layers": named,
        "kinds": list(kinds),
        "sizes": sizes,
        "size": list(max((source.size for source in sources), key=max)),
        "versions": manifest.versions(),
    }
    return encoded_style(statistics, facts)


def _seen(source: Picture | StyleFile, vgg: Vgg, *, long_side_px: int, least: int) -> Style:
    if isinstance(source, StyleFile):
        return source.at(long_side_px)
    size = style_size(resolve(), source.size, (long_side_px, long_side_px), min_side_px=least)
    rgb, alpha = source.at(size).to(vgg.device), source.alpha_at(size)
    return rgb if alpha is None else Masked(rgb, alpha.to(vgg.device))


def _pictures(sources: Sequence[Picture | StyleFile], weights: Sequence[float] | None) -> list[dict[str, Any]]:
    """Where the statistics came from: paintings, with their shares, also those behind style files."""
    shares = [1 / len(sources)] * len(sources) if weights is None else [weight / sum(weights) for weight in weights]
    found: list[dict[str, Any]] = []
    for source, share in zip(sources, shares, strict=True):
        if isinstance(source, StyleFile):
            found += [{**picture, "weight": share * picture["weight"]} for picture in source.facts["pictures"]]
        else:
            height, width = source.size
            found.append({"name": source.name, "sha256": source.sha256, "width": width, "height": height, "weight": share})
    return found
