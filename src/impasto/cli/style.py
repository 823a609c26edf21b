"""`impasto style make | show`: what a painting's style is, in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from impasto.cli.loading import loading
from impasto.cli.options import Json, Overwrite, Quiet
from impasto.settings import FIVE_STYLE_LAYERS, layer_weights

app = typer.Typer(help="Style files: the statistics of paintings, to be used in their place.", no_args_is_help=True)


@app.command()
def make(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="paintings, folders or style files; several are blended, with weights as b.jpg:0.3",
            metavar="PICTURE…",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "-o", "--out", help="the file to write, NAME.style, or a folder for it", metavar="FILE|FOLDER", show_default=False
        ),
    ],
    losses: Annotated[
        str, typer.Option("--for", help="the style losses that it can be used with", metavar="LOSS,…")
    ] = "gram,centered,moments",
    layers: Annotated[str, typer.Option("--layers", help="the style layers that it has", metavar="LAYER,…")] = ",".join(
        FIVE_STYLE_LAYERS
    ),
    network: Annotated[str, typer.Option("--network", help="a network's name, or a weights file", metavar="NAME|FILE")] = "vgg19",
    pooling: Annotated[str, typer.Option("--pooling", help="the network's pooling", metavar="max|average")] = "max",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure paintings once, and keep their style: a few MB that can be used, blended and passed on in their place.

    impasto style make starry.jpg -o starry.style

    impasto style make cypresses.jpg wheat.jpg -o arles.style

    impasto stylize photo.jpg arles.style
    """
    named = list(layer_weights(layers))
    with loading():
        from impasto.cli.drive_style import drive_make
    drive_make(
        sources,
        out,
        losses=[loss.strip() for loss in losses.split(",")],
        layers=named,
        network=network,
        pooling=pooling,
        overwrite=overwrite,
        quiet=quiet,
    )


@app.command()
def show(
    file: Annotated[str, typer.Argument(help="a style file", metavar="FILE", show_default=False)],
    as_json: Json = False,
) -> None:
    """Tell which paintings a style file is made of, and what it can be used for."""
    with loading():
        from impasto.cli.drive_style import drive_show
    drive_show(file, as_json=as_json)
