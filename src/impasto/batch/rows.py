"""What a batch makes: a row a picture, from folders and globs (every content in every style), or from a table."""

from __future__ import annotations

import csv
import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from impasto.errors import InvalidSettings, UnreadableImage
from impasto.files import READABLE, expanded
from impasto.settings import Settings

_LONGEST_BYTES: Final = 180
"""Of a name: what is written beside it has a longer one, and some systems end at 255."""

TABLES: Final = (".csv", ".jsonl")
_OWN: Final = ("content", "style", "out")


@dataclass(frozen=True)
class Row:
    """One picture: the files it is made of, settings that differ from the batch's, and its name without extension."""

    content: str
    styles: tuple[str, ...]
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def of_pictures(contents: str, styles: str) -> list[Row]:
    """Every content in every style.  Raises UnreadableImage where one of them names nothing."""
    found = [_files(contents, "content"), _files(styles, "style")]
    pairs = [(content, style) for content in found[0] for style in found[1]]
    names = _unique(f"{Path(content).stem}_{Path(style).stem}" for content, style in pairs)
    return [Row(content, (style,), name) for (content, style), name in zip(pairs, names, strict=True)]


def of_table(table: Path) -> list[Row]:
    """Rows of a CSV or JSON-lines file: `content`, `style` (several: a list, or with ; between), `out` if wanted, and settings.

    Paths are relative to the table's folder.  Raises InvalidSettings with the line that is wrong.
    """
    try:
        text = expanded(table).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableImage(f"the table {table} cannot be read: {error}; it must be a CSV or JSON-lines file") from None
    lines = _csv(text) if table.suffix.lower() == ".csv" else _jsonl(text, table)
    rows = [_row(values, f"{table}, line {line}", expanded(table).parent) for line, values in lines]
    if not rows:
        raise InvalidSettings(f"the table {table} has no rows; write one a picture, with content and style")
    names = _unique(row.name for row in rows)
    return [Row(row.content, row.styles, name, row.settings) for row, name in zip(rows, names, strict=True)]


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    for row in reader:
        if None in row:
            raise InvalidSettings(f"line {reader.line_num} has more fields than the header; put what has commas in quotes")
        yield reader.line_num, {key: value for key, value in row.items() if value not in {None, ""}}


def _jsonl(text: str, table: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() == "":
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            raise InvalidSettings(f"{table}, line {number} is no JSON: {error}") from None
        if not isinstance(values, dict):
            raise InvalidSettings(f"{table}, line {number}: expected an object with content and style")
        yield number, values


def _row(values: Mapping[str, Any], where: str, folder: Path) -> Row:
    known = {str(key).strip().replace("-", "_"): value for key, value in values.items()}
    unknown = [key for key in known if key not in Settings.model_fields and key not in _OWN]
    if unknown:
        raise InvalidSettings(f"{where}: there is no setting {unknown[0]!r}; columns are content, style, out and settings")
    style = known.get("style")
    styles = style if isinstance(style, list) else str(style or "").split(";")
    styles = [str(one).strip() for one in styles if str(one).strip() != ""]
    content = known.get("content")
    if not isinstance(content, str) or not styles:
        raise InvalidSettings(f"{where}: expected a content and a style, got {dict(values)!r}")
    paths = [_beside(folder, content), *(_beside(folder, one) for one in styles)]
    out = known.get("out")
    name = f"{Path(content).stem}_{'_'.join(Path(_plain(one)).stem for one in styles)}" if out is None else str(out)
    if name.strip() in {"", "."} or Path(name).is_absolute() or any(part.startswith(".") for part in Path(name).parts):
        raise InvalidSettings(f"{where}: out is a name within the batch's folder, without dots before it, got {name!r}")
    name = str(Path(name))
    suffixes = {*READABLE, ".png"}
    name = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in suffixes else name
    settings = {key: value for key, value in known.items() if key not in _OWN}
    return Row(paths[0], tuple(paths[1:]), name, settings)


def _beside(folder: Path, path: str) -> str:
    """As seen from the table; a weight behind a style stays."""
    return path if expanded(path).is_absolute() else str(folder / path)


def _plain(style: str) -> str:
    before, colon, weight = style.rpartition(":")
    return before if colon and weight.replace(".", "", 1).isdigit() else style


def _files(given: str, role: str) -> list[str]:
    """A file, the pictures of a folder, or those that a glob matches; in the order of their names."""
    path = expanded(given)
    wanted = (*READABLE, ".style") if role == "style" else READABLE
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.suffix.lower() in wanted and not one.name.startswith("."))
    elif path.is_file():
        found = [path]
    else:
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 - of any path, absolute or not
        found = sorted(one for one in map(Path, matches) if one.is_file() and one.suffix.lower() in wanted)
    if not found:
        raise UnreadableImage(
            f"{given} names no {role}; give a picture, a folder with some, or a glob in quotes, as 'photos/*.jpg'"
        )
    return [str(one) for one in found]


def _unique(names: Iterable[str]) -> list[str]:
    """cat, cat-2, cat-3: the same ones each time, so that a batch that goes on finds its own."""
    made: list[str] = []
    taken: set[str] = set()
    for whole in names:
        name = os.fsdecode(os.fsencode(whole)[:_LONGEST_BYTES]) if len(os.fsencode(whole)) > _LONGEST_BYTES else whole
        number, candidate = 1, name
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(candidate.lower())
        made.append(candidate)
    return made


def check_settings(rows: Sequence[Row], given: Mapping[str, Any]) -> None:
    """Raises InvalidSettings for the first row whose settings are wrong, before any work."""
    from impasto import presets

    seen: set[str] = set()
    for row in rows:
        key = json.dumps([len(row.styles), dict(row.settings)], sort_keys=True, default=str)
        if key not in seen:
            seen.add(key)
            try:
                presets.resolve(given, row.settings)
            except InvalidSettings as error:
                raise InvalidSettings(f"{row.name}: {error}", **error.data) if row.settings else error from None
