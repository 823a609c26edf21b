"""`impasto resume CHECKPOINT`: go on where a run was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.loading import loading
from impasto.cli.options import Json, Overwrite, Quiet, Shares


def resume(
    checkpoint: Annotated[Path, typer.Argument(help="the .checkpoint file of a run", metavar="CHECKPOINT", show_default=False)],
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            help="the picture to write, or a folder for it [dim]\\[default: where the run was to write it][/dim]",
            metavar="FILE|FOLDER",
            show_default=False,
        ),
    ] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="write no record of its making, inside or beside it")] = False,
    shares: Shares = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Continue an interrupted run exactly: the picture equals that of an undisturbed run."""
    with loading():
        from impasto.cli.drive import drive_resumed
    from impasto.files import expanded

    drive_resumed(
        expanded(checkpoint),
        out=out,
        overwrite=overwrite,
        record=not no_record,
        shares=shares,
        quiet=quiet,
        as_json=as_json,
    )
