"""`impasto repeat PICTURE`: make a finished picture again from its own record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.loading import loading
from impasto.cli.options import Json, NoRecord, OtherDevice, OtherPrecision, Out, Overwrite, Quiet, Shares, given


def repeat(
    picture: Annotated[Path, typer.Argument(help="a picture that impasto made", metavar="PICTURE", show_default=False)],
    out: Out = None,
    content: Annotated[str | None, typer.Option("--content", help="where the content picture is now", show_default=False)] = None,
    style: Annotated[
        list[str] | None, typer.Option("--style", help="where the style pictures are now", show_default=False)
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", help="where the start file is now, if there was one", show_default=False)
    ] = None,
    mask: Annotated[list[str] | None, typer.Option("--mask", help="where the masks are now", show_default=False)] = None,
    style_mask: Annotated[
        list[str] | None, typer.Option("--style-mask", help="where the masks of styles are now", show_default=False)
    ] = None,
    color_mask: Annotated[
        str | None, typer.Option("--color-mask", help="where the colour mask is now, if there was one", show_default=False)
    ] = None,
    device: OtherDevice = None,
    precision: OtherPrecision = None,
    shares: Shares = None,
    overwrite: Overwrite = False,
    no_record: NoRecord = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a finished picture's own settings again, on the same inputs, and get the same picture."""
    with loading():
        from impasto.cli.drive import drive_repeat
    from impasto.files import expanded
    from impasto.storage.listing import on_disk

    drive_repeat(
        on_disk(expanded(picture)),
        out=out,
        content=content,
        styles=style or [],
        start=init,
        masks=mask or [],
        style_masks=style_mask or [],
        color_mask=color_mask,
        changed=given(device=device, precision=precision),
        shares=shares,
        overwrite=overwrite,
        record=not no_record,
        quiet=quiet,
        as_json=as_json,
    )
