"""A finished picture is made again from its own record: the same settings, on the same inputs."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from impasto import manifest, presets
from impasto.errors import CheckpointError, InputError, InvalidSettings
from impasto.files import expanded
from impasto.images import read
from impasto.run.api import prepare
from impasto.run.engine import Run
from impasto.run.inputs import gather
from impasto.storage.listing import on_disk
from impasto.storage.text import shown
from impasto.vgg.weights import names

if TYPE_CHECKING:
    from impasto.run.together import Together

_ANY_PIXELS: Final = 2**31
"""The run's own limit is asked when its inputs are read."""


def repeated(
    picture: Path,
    *,
    content: str | None = None,
    styles: Sequence[str] = (),
    start: str | None = None,
    masks: Sequence[str] = (),
    style_masks: Sequence[str] = (),
    color_mask: str | None = None,
    changed: Mapping[str, Any] = MappingProxyType({}),
    together: Together | None = None,
) -> tuple[Run, list[str]]:
    """Return the run of a finished picture, and what may make its result differ in details.

    Args:
        picture: The picture, or the JSON file beside it.
        content: Where the photograph is now, if not where it was; `styles`, `start` and the masks likewise.
        changed: Settings that are others this time: `device`, `precision`.
        together: The other processes that make this picture.

    Raises:
        CheckpointError: The picture is unfinished or carries no manifest, an input or the weights are not those of the manifest,
            or this machine has not the device or the precision that it names.
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
        if isinstance(values.get("network"), str):
            values["network"] = _network(values["network"], picture)
        settings = presets.resolve(values, changed)
        each_mask = _located(facts.get("masks", {}), masks, picture, "--mask", count=len(found))
        each_style_mask = _located(facts.get("style_masks", {}), style_masks, picture, "--style-mask", count=len(found))
        if facts.get("color_mask") is not None:
            color_mask = color_mask or _locate(facts["color_mask"], picture, "--color-mask")
        inputs = gather(content, found, settings, each_mask, each_style_mask, color_mask)
        # What auto chose then, since the choice may fall otherwise now; older pictures were made in float32.
        precision = changed.get("precision", facts.get("precision", "float32"))
        run = prepare(settings, inputs, precision, together=together)
        manifest.check_same(facts, list(inputs.roles().values()), run.vgg.weights.sha256)
        differs = [
            f"made with {name} {was}, this is {now}: the picture may differ in details"
            for name, was, now in manifest.differences(facts, run.vgg)
        ]
    except InvalidSettings as error:
        if error.data.get("setting") not in {"device", "precision"}:
            raise
        raise CheckpointError(f"{picture} cannot be repeated as it was made: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the manifest of {picture} is damaged ({type(error).__name__}: {error}); it cannot be repeated"
        ) from None
    return run, differs


def _located(
    described: Mapping[str, Any], moved: Sequence[str], picture: Path, option: str, *, count: int
) -> Sequence[str | None]:
    """Return masks for each of so many styles, or none at all; `moved`: where they are now, in order, if not where they were."""
    if moved and len(moved) != len(described):
        raise CheckpointError(f"the picture was made with {len(described)} of {option}, {len(moved)} were given; give all")
    at = {int(number): moved[i] if moved else _locate(one, picture, option) for i, (number, one) in enumerate(described.items())}
    return [at.get(number) for number in range(count)] if at else ()


def _locate(described: Mapping[str, Any], picture: Path, option: str) -> str:
    """Return where an input is: as given, seen from here or from around the picture, or by its name beside the picture.

    The first whose bytes are right is taken, else the first whose pixels are.
    """
    given = described.get("path", described.get("file"))
    if given is None:
        raise CheckpointError(
            f"{shown(described['name'])} was given as an array, not as a file; say where its file is with {option}"
        )
    there = [candidate for candidate in _candidates(given, picture) if candidate.is_file()]
    for candidate in there:
        if hashlib.sha256(candidate.read_bytes()).hexdigest() == described["sha256"]:
            return str(candidate)
    for candidate in there:
        with contextlib.suppress(InputError):
            if manifest.is_same(described, read(candidate, max_pixels=_ANY_PIXELS)):
                return str(candidate)
    if there:
        return str(there[0])  # refused later, with both hashes in the message
    if "path" not in described:
        raise CheckpointError(
            f"{shown(given)} lies neither here nor beside the picture, whose record has no folders; say where it is with {option}"
        )
    raise CheckpointError(f"{shown(given)} is not there any more; say where it is with {option}")


def _network(given: str, picture: Path) -> str:
    """Return the network's name, or where its file is: as given, or by its name beside the picture."""
    if given in names():
        return given
    there = [candidate for candidate in _candidates(given, picture) if candidate.is_file()]
    return str(there[0]) if there else given


def _candidates(given: str, picture: Path) -> list[Path]:
    folder = picture.absolute().parent
    return [on_disk(one) for one in (expanded(given), folder / given, folder.parent / given, folder / Path(given).name)]
