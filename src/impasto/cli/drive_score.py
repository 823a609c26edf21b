"""How scores look in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from impasto.images import read
from impasto.quality import Scores, score
from impasto.vgg import load
from impasto.vgg.weights import names


def drive_score(
    picture: str, content: str, styles: Sequence[str], *, size_px: int, network: str, others: Sequence[str] | None, as_json: bool
) -> None:
    """Reads, measures, prints."""
    if others is None:
        others = ["vgg16"] if "vgg16" in names() and network != "vgg16" else []
    scores = score(
        read(picture, role="picture"),
        read(content, role="content"),
        [read(style, role="style") for style in styles],
        vgg=load(network),
        others=[load(other) for other in others],
        size_px=size_px,
    )
    if as_json:
        print(json.dumps(scores.as_dict(), ensure_ascii=False))
        return
    for name, value, meaning in _lines(scores):
        print(f"{name:<16} {value:8.4f}  {meaning}")


def _lines(scores: Scores) -> Iterator[tuple[str, float, str]]:
    yield "structure", scores.structure, "CFSD to the photograph: 0 keeps all of it"
    yield "content", scores.content, "squared error at conv4_2, relative: 0 is the photograph"
    yield "style", scores.style, "Gram distance, relative, mean of five layers: 0 is the style's, 1 none of it"
    for layer, value in scores.style_layers.items():
        yield f"  {layer}", value, ""
    for name, value in scores.other_networks.items():
        yield f"style in {name}", value, "the same in another network"
    yield "patches", scores.patches, "sliced Wasserstein distance of patches to the style's"
    yield "colours, style", scores.colors_style, "how far colours are from the style's, in Oklab"
    yield "colours, photo", scores.colors_content, "how far colours are from the photograph's"
    yield "noise", scores.noise, "finest detail, relative to the rougher of both sources: 1 is as much"
    yield "border", scores.border, "detail at the border over that inside, relative to the photograph's: 1 is alike"
