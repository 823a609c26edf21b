"""`impasto regions PHOTO`: a map of a photograph's regions, and a mask of each, to paint on and to use with `stylize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.loading import loading
from impasto.cli.options import Json, Overwrite


def regions(
    photo: Annotated[str, typer.Argument(help="the photograph, or a map of its regions", metavar="PHOTO", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="what the files' names begin with [dim]\\[default: output/PHOTO][/dim]",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", help="how many regions, 2 to 12", metavar="N")] = 4,
    by: Annotated[
        str, typer.Option("--by", help="what makes a region: features of the network, or colours", metavar="features|colors")
    ] = "features",
    from_map: Annotated[
        bool, typer.Option("--from-map", help="PHOTO is a map: each flat colour in it becomes a mask; nothing is looked for")
    ] = False,
    soft: Annotated[int, typer.Option("--soft", min=0, max=512, help="how softly masks end, in px", metavar="PX")] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of where the search begins", metavar="N")] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the regions of PHOTO, as sky, houses and water: a map in flat colours, and a mask for each.

    impasto regions photo.jpg --count 4

    impasto regions output/photo.regions.png --from-map -o mine
    """
    with loading():
        from impasto.cli.drive_regions import drive_regions
    drive_regions(
        photo, out=out, count=count, by=by, from_map=from_map, soft_px=soft, seed=seed, overwrite=overwrite, as_json=as_json
    )
