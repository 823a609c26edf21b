"""`impasto batch CONTENTS STYLES -o DIR`: many pictures, by workers that load the network once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from impasto import settings
from impasto.cli.derived import own, takes_options_of_stylize
from impasto.errors import InvalidSettings

if TYPE_CHECKING:
    from impasto.jobs.request import Suffix

_CONTENTS = Annotated[
    str,
    typer.Argument(help="photographs: a file, a folder, a glob in quotes; or a table, .csv or .jsonl", metavar="CONTENTS"),
]
_STYLES = Annotated[
    str | None, typer.Argument(help="paintings, likewise; not with a table", metavar="STYLES", show_default=False)
]
_FOLDER = Annotated[Path, typer.Option("-o", "--out", help="the folder to put the pictures into", metavar="DIR")]
_FORMAT = Annotated[str, typer.Option("--format", help="png, jpg, tif or webp")]
_FORMATS: Final[dict[str, Suffix]] = {
    "png": ".png",
    "jpg": ".jpg",
    "jpeg": ".jpg",
    "tif": ".tif",
    "tiff": ".tif",
    "webp": ".webp",
}
_WORKERS = Annotated[
    int | None,
    typer.Option(
        "--workers", min=0, help="processes that paint here [dim]\\[default: by the size and the cores][/dim]", show_default=False
    ),
]
_DATABASE = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="IMPASTO_DATABASE",
        help="a queue for several machines: postgresql://…",
        metavar="URL",
        show_default=False,
    ),
]
_DATA = Annotated[
    str | None,
    typer.Option("--data", help="with --database: where files are, for all machines", metavar="URL", show_default=False),
]
_NO_RECORD = Annotated[
    bool,
    typer.Option(
        "--no-record", help="pictures hold no record of their making; the one beside each stays, as it tells what is done"
    ),
]


@takes_options_of_stylize(
    without=(
        *("content", "styles", "more_styles", "mask", "regions", "style_masks", "color_mask", "style_weights", "out"),
        *("losses", "checkpoint_every", "shares", "save_every", "overwrite", "no_record", "init"),
    ),
    first=[
        own("contents", _CONTENTS),
        own("styles", _STYLES, None),
        own("folder", _FOLDER, Path("output/batch")),
        own("image_format", _FORMAT, "png"),
        own("workers", _WORKERS, None),
        own("database", _DATABASE, None),
        own("data", _DATA, None),
        own("no_record", _NO_RECORD, False),
    ],
)
def batch(
    contents: str,
    styles: str | None,
    folder: Path,
    image_format: str,
    workers: int | None,
    database: str | None,
    data: str | None,
    settings_file: Path | None,
    no_record: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Paint every photograph of CONTENTS in every style of STYLES; what is done already is skipped, so it can be started again.

    impasto batch photos/ paintings/ -o out/

    impasto batch 'photos/*.jpg' painting.jpg -o out/ --size 1024 --format jpg

    impasto batch rows.csv -o out/
    """
    from impasto.batch.rows import check_settings, of_pictures
    from impasto.batch.tables import TABLES, of_table
    from impasto.cli.drive_batch import drive_batch
    from impasto.files import expanded

    file = {} if settings_file is None else settings.read_file(settings_file)
    chosen = {**file, **{name: value for name, value in given.items() if value is not None}}
    suffix = _FORMATS.get(image_format.lower().lstrip("."))
    if suffix is None:
        raise InvalidSettings(f"--format expects {', '.join(_FORMATS)}, got {image_format!r}")

    def note(line: str) -> None:
        if not (quiet or as_json):
            print(f"impasto: {line}", file=sys.stderr)

    out = expanded(folder)
    if Path(contents).suffix.lower() in TABLES and not expanded(contents).is_dir():
        if styles is not None:
            raise InvalidSettings(f"{contents} is a table, which names its styles; leave {styles!r} out")
        rows = of_table(Path(contents))
    elif styles is None:
        raise InvalidSettings("no styles were given; name paintings behind the photographs, or give a table (.csv, .jsonl)")
    else:
        rows = of_pictures(contents, styles, out=out, on_note=note)
    check_settings(rows, chosen, workers_elsewhere=database is not None)
    drive_batch(
        rows,
        out,
        chosen,
        suffix=suffix,
        record=not no_record,
        workers=workers,
        database=database,
        data=data,
        quiet=quiet,
        as_json=as_json,
    )
