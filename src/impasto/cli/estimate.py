"""`impasto estimate CONTENT STYLE…`: what `stylize` with the same options would need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from impasto import presets, settings
from impasto.cli.derived import takes_options_of_stylize
from impasto.cli.loading import loading
from impasto.cli.pictures import pictures


@takes_options_of_stylize(without=("out", "losses", "checkpoint_every", "shares", "overwrite", "no_record", "quiet"))
def estimate(
    content: str,
    styles: list[str] | None = None,
    more_styles: list[str] | None = None,
    mask: list[str] | None = None,
    regions: list[str] | None = None,
    style_masks: list[str] | None = None,
    color_mask: list[str] | None = None,
    settings_file: Path | None = None,
    as_json: bool = False,
    **given: Any,
) -> None:
    """Say how `stylize` would go with the same options, how much memory it would need, and how long it would take.

    Tries out a few steps on small noise; makes no picture and writes nothing.

    impasto estimate photo.jpg painting.jpg --size 4096 --memory 4GB
    """
    from_file = {} if settings_file is None else settings.read_file(settings_file)
    all_styles = [*(styles or ()), *(more_styles or ())]
    found = pictures(from_file, all_styles, mask=mask, regions=regions, style_masks=style_masks, color_mask=color_mask)
    chosen = presets.resolve(from_file, {name: value for name, value in given.items() if value is not None})
    with loading():
        from impasto.cli.drive import drive_estimate
    drive_estimate(
        content,
        found.styles,
        chosen,
        masks=found.masks,
        style_masks=found.style_masks,
        color_mask=found.color_mask,
        as_json=as_json,
    )
