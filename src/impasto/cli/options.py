"""Options that several commands share, and the options of Settings with their help from settings.py."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from impasto.settings import Settings

INTERRUPTED = 130
"""The exit code of an interrupted run."""


def setting(name: str, *declarations: str, panel: str, metavar: str | None = None) -> Any:
    """The option of one setting: help and default are read from its one home."""
    field = Settings.model_fields[name]
    default = field.default
    if isinstance(default, dict):
        default = ",".join(f"{layer}:{weight:g}" for layer, weight in default.items())
    shown = "" if default is None else f" [dim]\\[default: {default}][/dim]"
    flags = declarations or ("--" + name.replace("_", "-"),)
    return typer.Option(*flags, help=f"{field.description}{shown}", rich_help_panel=panel, metavar=metavar, show_default=False)


Shares = Annotated[
    str | None,
    typer.Option(
        "--shares",
        help="under torchrun: how much of the picture each process gets, as 2,1,1, or measured [dim]\\[default: alike][/dim]",
        metavar="N,…|measured",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--out",
        help="the picture to write, or a folder for it [dim]\\[default: output/CONTENT_STYLE.png][/dim]",
        metavar="FILE|FOLDER",
        show_default=False,
    ),
]
OtherDevice = Annotated[
    str | None,
    typer.Option("--device", help="another device than the recorded one", metavar="auto|cpu|cuda|cuda:N|mps", show_default=False),
]
OtherPrecision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="another number format than the recorded one: the picture differs in details",
        metavar="auto|float32|bfloat16|float16|tf32",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace files that exist")]
NoRecord = Annotated[
    bool, typer.Option("--no-record", help="write no record of the picture's making, neither inside it nor beside it")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print the picture's path only")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object instead of words")]
CheckpointEvery = Annotated[
    float | None,
    typer.Option(
        "--checkpoint-every",
        min=0.0,
        help="seconds between checkpoints [dim]\\[default: 60][/dim]",
        show_default=False,
    ),
]


def given(**options: object) -> dict[str, object]:
    """Return the options that were given, by the names of their settings."""
    return {name: value for name, value in options.items() if value is not None}
