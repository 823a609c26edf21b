"""`impasto sheet` in a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.cli.interrupts import interruptible
from impasto.cli.options import INTERRUPTED
from impasto.cli.streams import tell_result
from impasto.errors import OutputError
from impasto.evaluate.allocator import keep_freed_memory
from impasto.files import in_folder, other_folders
from impasto.images import write
from impasto.run.sheet import Cell, plan
from impasto.run.styles import assembled
from impasto.run.target import Target, check_apart, claim, default_picture
from impasto.settings import Settings
from impasto.storage.text import shown, to_json


def drive_sheet(
    content: str,
    styles: Sequence[str],
    settings: Settings,
    given: Mapping[str, Any],
    *,
    strengths: Sequence[float],
    scales: Sequence[float],
    losses: Sequence[str] = (),
    out: str | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a contact sheet, and print the command of each picture on it."""
    keep_freed_memory()
    with interruptible() as caught:
        inputs, _ = assembled(content, styles, settings)
        sheet = plan(content, styles, settings, given, strengths=strengths, scales=scales, losses=losses)
        name = default_picture(inputs, stem="sheet")
        name = name if out is None else in_folder(out, name.name)
        target = Target(name, overwrite)
        check_apart(target, inputs)
        count = len(sheet.rows) * len(sheet.columns)
        done = 0

        def tell(cell: Cell) -> None:
            nonlocal done
            done += 1
            if not quiet and not as_json:
                print(f"{done}/{count}  {shown(cell.command)}", file=sys.stderr)

        with claim(target, named_by_user=out is not None, bits=settings.bits) as claimed:
            made = sheet.make(stop=lambda: bool(caught), on_cell=tell)
            place = None if made.picture is None else _written(claimed.picture, made.picture, settings, overwrite=overwrite)
    if as_json:
        commands = [[cell.command for cell in row] for row in sheet.cells]
        facts = {"picture": None if place is None else str(place), "finished": made.whole, "commands": commands}
        tell_result(to_json(facts | {"rows": list(sheet.rows), "columns": list(sheet.columns)}))
    elif place is not None:
        tell_result(place)
    if made.error is not None:
        made.error.add_note("grey fields of the sheet are not made")
        raise made.error
    if not made.whole:
        print("impasto: stopped" + ("" if place is None else "; grey fields are not made"), file=sys.stderr)
        sys.exit(INTERRUPTED)


def _written(path: Path, picture: Tensor, settings: Settings, *, overwrite: bool) -> Path:
    """Write the sheet where it belongs, or else where that is possible, and return where; it is all that its runs left."""
    try:
        return write(path, picture, bits=settings.bits, quality=settings.quality, overwrite=overwrite)
    except OutputError as error:
        for folder in other_folders():
            with contextlib.suppress(OutputError):
                place = write(folder / path.name, picture, bits=settings.bits, quality=settings.quality)
                print(f"impasto: {shown(error)}; the sheet is {shown(place)}", file=sys.stderr)
                return place
        raise
