"""A finished picture is made again from its own record: the same settings, on the same inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto import manifest, presets
from impasto.errors import CheckpointError
from impasto.files import expanded
from impasto.run.api import prepare
from impasto.run.engine import Run
from impasto.run.inputs import gather

if TYPE_CHECKING:
    from impasto.run.together import Together


def repeated(
    picture: Path,
    *,
    content: str | None = None,
    styles: Sequence[str] = (),
    start: str | None = None,
    masks: Sequence[str] = (),
    style_masks: Sequence[str] = (),
    color_mask: str | None = None,
    together: Together | None = None,
) -> tuple[Run, list[str]]:
    """The run of a finished picture, and what may make its result differ in details.

    `content`, `styles`, `start` and masks: where the inputs are now, if not where they were.  Raises CheckpointError when the
    picture is unfinished or carries no manifest, or an input or the weights are not those of the manifest.
    """
    facts = manifest.load(picture)
    try:
        if not facts["finished"]:
            raise CheckpointError(
                f"{picture} is unfinished, so it cannot be repeated; go on with `impasto resume` and its checkpoint"
            )
        values = manifest.settings_of(facts)
        values.setdefault("lbfgs_metric", 0.0)  # pictures older than this setting were made without
        recorded_styles = list(facts["styles"])
        content = content or _locate(facts["content"], picture, "--content")
        found = list(styles) or [_locate(style, picture, "--style") for style in recorded_styles]
        if facts["start"] is not None:
            values["init"] = start or _locate(facts["start"], picture, "--init")
        settings = presets.resolve(values)
        each_mask = _located(facts.get("masks", {}), masks, picture, "--mask", count=len(found))
        each_style_mask = _located(facts.get("style_masks", {}), style_masks, picture, "--style-mask", count=len(found))
        if facts.get("color_mask") is not None:
            color_mask = color_mask or _locate(facts["color_mask"], picture, "--color-mask")
        inputs = gather(content, found, settings, each_mask, each_style_mask, color_mask)
        # What auto chose then, since the choice may fall otherwise now; older pictures were made in float32.
        run = prepare(settings, inputs, facts.get("precision", "float32"), together=together)
        manifest.check_same(facts, list(inputs.roles().values()), run.vgg.weights.sha256)
        differs = [
            f"made with {name} {was}, this is {now}: the picture may differ in details"
            for name, was, now in manifest.differences(facts, run.vgg)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the manifest of {picture} is damaged ({type(error).__name__}: {error}); it cannot be repeated"
        ) from None
    return run, differs


def _located(
    described: Mapping[str, Any], moved: Sequence[str], picture: Path, option: str, *, count: int
) -> Sequence[str | None]:
    """Masks for each of so many styles, or none at all; `moved`: where they are now, in their order, if not where they were."""
    if moved and len(moved) != len(described):
        raise CheckpointError(f"the picture was made with {len(described)} of {option}, {len(moved)} were given; give all")
    at = {int(number): moved[i] if moved else _locate(one, picture, option) for i, (number, one) in enumerate(described.items())}
    return [at.get(number) for number in range(count)] if at else ()


def _locate(described: Mapping[str, Any], picture: Path, option: str) -> str:
    """The input where it was given, seen from here or from around the picture; the first whose hash is right."""
    given = described["path"]
    if given is None:
        raise CheckpointError(f"{described['name']} was given as an array, not as a file; say where its file is with {option}")
    folder = picture.absolute().parent
    candidates = [expanded(given), folder / given, folder.parent / given, folder / Path(given).name]
    there = [candidate for candidate in candidates if candidate.is_file()]
    for candidate in there:
        if hashlib.sha256(candidate.read_bytes()).hexdigest() == described["sha256"]:
            return str(candidate)
    if there:
        return str(there[0])  # refused later, with both hashes in the message
    raise CheckpointError(f"{given} is not there any more; say where it is with {option}")
