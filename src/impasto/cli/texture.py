"""`impasto texture STYLE…`: a new texture from a style alone (Gatys, Ecker, Bethge 2015, arXiv 1505.07376)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from impasto.cli.derived import own, start, takes_options_of_stylize

_STYLES = Annotated[
    list[str],
    typer.Argument(
        help="the picture whose texture is made; several are blended, as in stylize", metavar="STYLE…", show_default=False
    ),
]


@takes_options_of_stylize(
    without=(
        "content",
        "styles",
        "more_styles",
        "mask",
        "regions",
        "color_mask",
        "content_weight",
        "content_layers",
        "content_loss",
        "content_reduction",
        "strength",
    ),
    first=[own("styles", _STYLES)],
)
def texture(styles: list[str], **given: Any) -> None:
    """Make a new texture that looks like STYLE, and is no copy of it.

    impasto texture painting.jpg --size 1024x512
    """
    start(None, styles, given, defaults={"init": "noise"}, needs={"content_weight": 0.0}, stem="texture")
