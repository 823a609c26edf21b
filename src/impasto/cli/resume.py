"""`impasto resume CHECKPOINT`: go on where a run was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.loading import loading
from impasto.cli.options import Json, Quiet, Shares


def resume(
    checkpoint: Annotated[Path, typer.Argument(help="the .checkpoint file of a run", metavar="CHECKPOINT", show_default=False)],
    shares: Shares = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Continue an interrupted run exactly: the picture equals that of an undisturbed run."""
    with loading():
        from impasto.cli.drive import drive_resumed
    from impasto.files import expanded

    drive_resumed(expanded(checkpoint), shares=shares, quiet=quiet, as_json=as_json)
