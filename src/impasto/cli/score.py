"""`impasto score PICTURE CONTENT STYLE…`: numbers about a finished picture that are not the loss."""

from __future__ import annotations

from typing import Annotated

import typer

from impasto.cli.loading import loading
from impasto.cli.options import Json


def score(
    picture: Annotated[str, typer.Argument(help="the picture that was made", metavar="PICTURE", show_default=False)],
    content: Annotated[str, typer.Argument(help="its photograph", metavar="CONTENT", show_default=False)],
    styles: Annotated[
        list[str], typer.Argument(help="its painting; of several the mean counts", metavar="STYLE…", show_default=False)
    ],
    size: Annotated[int, typer.Option("--size", min=32, help="long side, in px, at which they are compared", metavar="PX")] = 512,
    network: Annotated[
        str, typer.Option("--network", help="the network that compares: a name, or a weights file", metavar="NAME|FILE")
    ] = "vgg19",
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--other",
            help="one more network for the style, best one the picture was not made with "
            "[dim]\\[default: vgg16 where it was imported][/dim]",
            metavar="NAME|FILE",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a picture against its photograph and its style: structure, style, patches, colours, noise, border.

    impasto score output/photo_painting.png photo.jpg painting.jpg
    """
    with loading():
        from impasto.cli.drive_score import drive_score
    drive_score(picture, content, styles, size_px=size, network=network, others=others, as_json=as_json)
