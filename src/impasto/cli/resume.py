"""`impasto resume CHECKPOINT`: go on where a run was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.loading import loading
from impasto.cli.options import Json, NoRecord, OtherDevice, OtherPrecision, Overwrite, Quiet, Shares, given


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
    no_record: NoRecord = False,
    device: OtherDevice = None,
    precision: OtherPrecision = None,
    shares: Shares = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Continue an interrupted run exactly: the picture equals that of an undisturbed run."""
    with loading():
        from impasto.cli.drive import drive_resumed
    from impasto.files import expanded
    from impasto.storage.listing import on_disk

    drive_resumed(
        on_disk(expanded(checkpoint)),
        out=out,
        overwrite=overwrite,
        record=not no_record,
        changed=given(device=device, precision=precision),
        shares=shares,
        quiet=quiet,
        as_json=as_json,
    )
