"""`impasto reconstruct CONTENT`: what a layer keeps of a picture (Gatys, Ecker, Bethge 2015, figure 1)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from impasto.cli.derived import own, start, takes_options_of_stylize
from impasto.cli.stylize import LAYERS

_CONTENT = Annotated[str, typer.Argument(help="the picture", metavar="CONTENT", show_default=False)]
_LAYER = Annotated[
    str,
    typer.Option(
        "--layer", help="the layer, or several with weights [dim]\\[default: conv4_2][/dim]", metavar=LAYERS, show_default=False
    ),
]


@takes_options_of_stylize(
    without=(
        *("content", "styles", "more_styles", "mask", "regions", "strength", "content_weight", "content_layers", "content_loss"),
        *("style_weight", "style_layers", "style_loss", "style_weights", "style_scale", "style_fit"),
        *("color_mask", "style_masks", "style_strokes", "style_pull", "guides"),
    ),
    first=[own("content", _CONTENT), own("layer", _LAYER, "conv4_2")],
)
def reconstruct(content: str, layer: str, **given: Any) -> None:
    """Show what a layer keeps of CONTENT: a picture made from noise that has the same features there.

    impasto reconstruct photo.jpg --layer conv4_2
    """
    needs = {"content_layers": layer, "content_weight": 1.0, "style_weight": 0.0}
    start(
        content, [content], given, defaults={"init": "noise", "variation_weight": 0.0}, needs=needs, stem=layer.replace(":", "-")
    )
