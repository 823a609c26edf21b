"""Rows of a batch, one for each picture; here from folders and globs, every content in every style."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from impasto.batch.results import REPORTS, is_result
from impasto.errors import InvalidSettings, UnreadableImage
from impasto.files import READABLE, expanded
from impasto.storage.listing import Listing, by_pattern, in_folder, on_disk, problem
from impasto.storage.text import shown

_LONGEST_BYTES: Final = 180
"""The most bytes of a name: what is written beside it has a longer one, and some systems end at 255."""


@dataclass(frozen=True)
class Row:
    """One picture: the files it is made of, settings that differ from the batch's, and its name without extension."""

    content: str
    styles: tuple[str, ...]
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    where: str | None = None
    """The line of a table that it stands in, for messages."""


def of_pictures(
    contents: str, styles: str, *, out: Path | None = None, on_note: Callable[[str], object] = lambda _: None
) -> list[Row]:
    """Return a row for every content in every style.

    Args:
        contents: A file, a folder, or a pattern.
        styles: A file, a folder, or a pattern.
        out: The batch's folder; results of earlier starts in it are no inputs.
        on_note: Told in one line each what is passed over.

    Raises:
        UnreadableImage: One of them names nothing.
    """
    found = [_files(given, role, out, on_note) for given, role in ((contents, "content"), (styles, "style"))]
    pairs = [(content, style) for content in found[0] for style in found[1]]
    names = unique_names(f"{Path(content).stem}_{Path(style).stem}" for content, style in pairs)
    return [Row(content, (style,), name) for (content, style), name in zip(pairs, names, strict=True)]


def _files(given: str, role: str, out: Path | None, on_note: Callable[[str], object]) -> list[str]:
    """Return a file, the pictures of a folder, or those that a pattern matches, in the order of their names."""
    path = on_disk(expanded(given))
    wanted = (*READABLE, ".style") if role == "style" else READABLE
    try:
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for names that the system does not take
            listing = in_folder(path, wanted, kind="pictures", untold=_untold(path, out))
        elif problem(path) is None:
            return [str(path)]
        else:
            listing = by_pattern(str(expanded(given)), wanted)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UnreadableImage(f"the {role} folder {shown(given)} cannot be read: {why}") from None
    for note in listing.notes:
        on_note(note)
    files = _inputs(listing, out, on_note)
    if not files:
        results = " but results of an earlier start; choose another folder with -o" if listing.files else ""
        raise UnreadableImage(
            f"{shown(given)} names no {role}{results or '; give a picture, a folder with some, or a glob in quotes, as '}"
            f"{'' if results else repr('photos/*.jpg')}"
        )
    return [str(one) for one in files]


def _untold(folder: Path, out: Path | None) -> frozenset[str]:
    """Return the names in a folder of which nobody needs to be told, since the batch made them."""
    inside = out is not None and _resolved(out.parent) == _resolved(folder)
    return REPORTS | ({out.name.lower()} if inside and out is not None else set())


def _inputs(listing: Listing, out: Path | None, on_note: Callable[[str], object]) -> list[Path]:
    """Return the files that are no results in the batch's own folder."""
    if out is None:
        return list(listing.files)
    place = _resolved(out)
    inside = {folder: folder == place or place in folder.parents for folder in {_resolved(file.parent) for file in listing.files}}
    results = {file for file in listing.files if inside[_resolved(file.parent)] and is_result(file)}
    if results:
        count = "1 picture" if len(results) == 1 else f"{len(results)} pictures"
        on_note(f"{count} in {shown(out)} made by an earlier start {'is' if len(results) == 1 else 'are'} not painted again")
    return [file for file in listing.files if file not in results]


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links go in circles


def unique_names(names: Iterable[str]) -> list[str]:
    """Return cat, cat-2, cat-3: the same ones each time, so that a batch that goes on finds its own.

    Names that differ by case or by the form of Unicode only are one file on some systems, so they count as alike.
    """
    made: list[str] = []
    taken: set[str] = set()
    for whole in names:
        name = _cut(whole)
        number, candidate = 1, name
        while _alike(candidate) in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(_alike(candidate))
        made.append(candidate)
    return made


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _cut(name: str) -> str:
    """Return the beginning of a name that is too long; never half of a character."""
    if len(name.encode("utf-8", "surrogatepass")) <= _LONGEST_BYTES:
        return name
    name = name[:_LONGEST_BYTES]
    while len(name.encode("utf-8", "surrogatepass")) > _LONGEST_BYTES:
        name = name[:-1]
    return name.rstrip(" .")


def check_settings(rows: Sequence[Row], given: Mapping[str, Any], *, workers_elsewhere: bool = False) -> None:
    """Raise InvalidSettings or WeightsError for the first row whose settings are wrong, before any work.

    `workers_elsewhere`: other machines may make the pictures, which may have networks that this one has not.
    """
    from impasto import presets
    from impasto.network_file import check_network

    seen: set[str] = set()
    for row in rows:
        key = json.dumps([len(row.styles), dict(row.settings)], sort_keys=True, default=str)
        if key not in seen:
            seen.add(key)
            try:
                check_network(presets.resolve(given, row.settings), missing_is_wrong=not workers_elsewhere)
            except InvalidSettings as error:
                if not row.settings:
                    raise
                where = "" if row.where is None else f"{row.where}, "
                raise InvalidSettings(f"{where}{shown(row.name)}: {error}", **error.data) from None
