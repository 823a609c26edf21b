"""`impasto sheet CONTENT STYLE…`: small pictures side by side, with the command of each, to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto import presets, settings
from impasto.cli.derived import own, takes_options_of_stylize
from impasto.cli.loading import loading
from impasto.errors import InvalidSettings

_STYLES = Annotated[
    list[str],
    typer.Argument(help="the painting; with several, each is a row", metavar="STYLE…", show_default=False),
]
_STRENGTHS = Annotated[str, typer.Option("--strengths", help="one column each", metavar="S,…")]
_LOSSES = Annotated[
    str | None,
    typer.Option("--style-losses", help="one column each, in the place of strengths", metavar="LOSS,…", show_default=False),
]
_SCALES = Annotated[str, typer.Option("--style-scales", help="with one style, one row each", metavar="S,…")]


@takes_options_of_stylize(
    without=(
        *(
            "content",
            "styles",
            "more_styles",
            "mask",
            "regions",
            "strength",
            "style_scale",
            "style_weights",
            "style_masks",
            "color_mask",
            "style_strokes",
            "style_pull",
            "content_weight",
            "style_weight",
        ),
        *("losses", "checkpoint_every", "shares", "save_every", "no_record"),
    ),
    first=[
        own("content", Annotated[str, typer.Argument(help="the photograph", metavar="CONTENT", show_default=False)]),
        own("styles", _STYLES),
        own("strengths", _STRENGTHS, "0.3,0.5,0.7"),
        own("style_scales", _SCALES, "0.5,1"),
        own("style_losses", _LOSSES, None),
    ],
)
def sheet(
    content: str,
    styles: list[str],
    strengths: str,
    style_scales: str,
    style_losses: str | None,
    out: str | None,
    settings_file: Path | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Make a contact sheet: CONTENT under several strengths, in several stroke sizes or styles, small; prints each one's command.

    impasto sheet photo.jpg painting.jpg

    impasto sheet photo.jpg one.jpg two.jpg three.jpg --strengths 0.4,0.6

    impasto sheet photo.jpg one.jpg two.jpg --style-losses gram,moments,sliced
    """
    options = {name: value for name, value in given.items() if value is not None}
    file = {} if settings_file is None else settings.read_file(settings_file)
    if settings_file is not None:
        options = {"settings": str(settings_file)} | options
    across, down = _numbers("strengths", strengths), _numbers("style-scales", style_scales)
    plain = {name: value for name, value in options.items() if name != "settings"}
    losses = () if style_losses is None else tuple(loss.strip() for loss in style_losses.split(","))
    columns = [{"style_loss": loss} for loss in losses] if losses else [{"strength": strength} for strength in across]
    for column in columns:  # raises for what its preset does not know, before any work
        chosen = presets.resolve({"size": 192}, file, plain, column)
    if losses:
        chosen = presets.resolve({"size": 192}, file, plain)
    if any(strength > 1 for strength in across):
        raise InvalidSettings(f"--strengths expects numbers from 0 to 1, got {strengths}", setting="strength")
    with loading():
        from impasto.cli.drive_sheet import drive_sheet
    repeated = {name: value for name, value in options.items() if name != "size"}
    drive_sheet(
        content,
        styles,
        chosen,
        repeated,
        strengths=across,
        scales=down,
        losses=losses,
        out=out,
        overwrite=overwrite,
        quiet=quiet,
        as_json=as_json,
    )


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return settings.numbers(text)
    except ValueError as error:
        raise InvalidSettings(f"--{option}: {error}") from None
