"""A batch's rows from a table: CSV as spreadsheets of all countries write it, or JSON objects."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from impasto.batch.rows import Row, unique_names
from impasto.errors import InvalidSettings, UnreadableImage
from impasto.files import READABLE, expanded
from impasto.settings import Settings
from impasto.storage.listing import on_disk, problem
from impasto.storage.text import shown
from impasto.storage.user_text import read_text, reason
from impasto.style_argument import weighted

_COMMAS: Final = (".csv", ".tsv")
_OBJECTS: Final = (".jsonl", ".ndjson", ".json")
TABLES: Final = (*_COMMAS, *_OBJECTS)
_OWN: Final = ("content", "style", "out")
_SEPARATORS: Final = (",", ";", "\t")
_LISTS: Final = ("size", "content_layers", "style_layers", "style_weights", "style_scale", "style_strokes", "style_pull")
"""Settings in which a comma separates values."""

_DECIMAL_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]+")


def of_table(table: Path) -> list[Row]:
    """Return the rows of a CSV or JSON-lines file: `content`, `style`, `out` if wanted, and settings.

    Several styles are a list, or stand with `;` between them.  Paths are relative to the table's folder.

    Raises:
        UnreadableImage: The file cannot be read.
        InvalidSettings: A line of it is wrong; the message names it.
    """
    path = on_disk(expanded(table))
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise UnreadableImage(
            f"the table {shown(table)} cannot be read: {reason(error)}; it must be a CSV or JSON-lines file"
        ) from None
    name = shown(table)
    lines = _csv(text, name) if path.suffix.lower() in _COMMAS else _json(text, name)
    rows = [_row(values, f"{name}, {place}", path.parent) for place, values in lines]
    if not rows:
        raise InvalidSettings(f"the table {name} has no rows; write one a picture, with content and style")
    names = unique_names(row.name for row in rows)
    return [Row(row.content, row.styles, name, row.settings, row.where) for row, name in zip(rows, names, strict=True)]


def _csv(text: str, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows by their places; rows whose cells are all empty are none, as spreadsheets leave them at the end."""
    separator, begins = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            line, values = reader.line_num, [cell.strip() for cell in cells]
            if line < begins or not any(values):
                continue
            if header is None:
                header = [_key(cell) for cell in values]
                _check_header(header, f"{table}, line {line}")
                continue
            beyond = [cell for at, cell in enumerate(values) if cell != "" and (at >= len(header) or header[at] == "")]
            if beyond:
                raise InvalidSettings(
                    f"{table}, line {line} has more fields than the header, {shown(beyond[0])!r}; "
                    f"put what has {_spoken(separator)} in quotes"
                )
            yield f"line {line}", {key: cell for key, cell in zip(header, values, strict=False) if key != "" and cell != ""}
    except csv.Error as error:
        raise InvalidSettings(f"{table}, line {reader.line_num} cannot be read: {error}; check its quotes") from None


def _separator(text: str) -> tuple[str, int]:
    """Return what separates the cells, and the line that the header can stand in first."""
    first, _, rest = text.partition("\n")
    declared = re.fullmatch(r'"?sep=(.)"?[,;\t]*', first.strip(" "))  # Excel's own line
    if declared is not None:
        return declared[1], 2
    header = next((line for line in (first, *rest.splitlines()) if line.strip(",;\t ") != ""), "")
    counts = {one: len(next(csv.reader([header], delimiter=one, skipinitialspace=True), [])) for one in _SEPARATORS}
    return max(_SEPARATORS, key=lambda one: counts[one]), 1


def _spoken(separator: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}.get(separator, f"{separator!r}")


def _check_header(header: Sequence[str], where: str) -> None:
    """Raise InvalidSettings for a line that is no header, or one that names a column twice."""
    if not {"content", "style"} & set(header):
        raise InvalidSettings(
            f"{where}: expected a header with the columns content and style, got {shown(', '.join(header))[:100]!r}"
        )
    for at, name in enumerate(header):
        if name != "" and name in header[:at]:
            raise InvalidSettings(f"{where}: the column {name} is there twice; keep one of them")


def _json(text: str, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects by their places: one a line, over several lines, or the entries of a list."""
    decoder, at = json.JSONDecoder(object_pairs_hook=_once), 0
    while (found := re.compile(r"\S").search(text, at)) is not None:
        at = found.start()
        line = text.count("\n", 0, at) + 1
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise InvalidSettings(f"{table}, line {error.lineno} is no JSON: {error.msg} (column {error.colno})") from None
        except (ValueError, RecursionError) as error:
            raise InvalidSettings(f"{table}, line {line} is no JSON: {error}") from None
        for number, one in enumerate(value if isinstance(value, list) else [value], 1):
            place = f"entry {number}" if isinstance(value, list) else f"line {line}"
            if not isinstance(one, dict):
                raise InvalidSettings(f"{table}, {place}: expected an object with content and style, got {shown(one)}")
            yield place, one


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object.  Raises ValueError where a name is in it twice, of which the last would win in silence."""
    values = dict(pairs)
    if len(values) != len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        raise ValueError(f"{twice} is there twice; keep one of them")
    return values


def _key(name: object) -> str:
    return str(name).strip().lower().replace("-", "_").replace(" ", "_")


def _row(values: Mapping[str, Any], where: str, folder: Path) -> Row:
    known: dict[str, Any] = {}
    for name, value in values.items():
        key = _key(name)
        if key in known:
            raise InvalidSettings(f"{where}: {name} is there in two spellings; keep one of them")
        if key not in Settings.model_fields and key not in _OWN:
            raise InvalidSettings(f"{where}: there is no setting {shown(name)!r}; columns are content, style, out and settings")
        if key not in (*_OWN, *_LISTS) and isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value) is not None:
            raise InvalidSettings(f"{where}: {key} is written with a comma, {value}; write {value.replace(',', '.')}")
        known[key] = value
    content, styles = known.get("content"), _styles(known.get("style"), folder)
    if not isinstance(content, str) or content.strip() == "" or not styles:
        raise InvalidSettings(f"{where}: expected a content and a style, got {shown(dict(values))}")
    try:
        plain = [weighted(style)[0] for style in styles]
    except InvalidSettings as error:
        raise InvalidSettings(f"{where}: {error}") from None
    out = known.get("out")
    name = f"{Path(content).stem}_{'_'.join(Path(style).stem for style in plain)}" if out is None else str(out)
    settings = {key: value for key, value in known.items() if key not in _OWN}
    return Row(_beside(folder, content.strip()), tuple(styles), _name(name, where), settings, where)


def _styles(style: object, folder: Path) -> list[str]:
    """Return the styles of a row as seen from the table, with the weights behind them; a file whose name has a `;` is one."""
    if isinstance(style, str) and ";" in style and problem(Path(_beside(folder, style.strip()))) is None:
        return [_beside(folder, style.strip())]
    each = style if isinstance(style, list) else [] if style is None else str(style).split(";")
    return [_beside(folder, str(one).strip()) for one in each if str(one).strip() != ""]


def _name(name: str, where: str) -> str:
    """Return the name of a picture within the batch's folder, without its extension."""
    if name.strip() in {"", "."} or Path(name).is_absolute() or any(part.startswith(".") for part in Path(name).parts):
        raise InvalidSettings(f"{where}: out is a name within the batch's folder, without dots before it, got {shown(name)!r}")
    name = str(Path(name))
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in {*READABLE, ".png"} else name


def _beside(folder: Path, path: str) -> str:
    """Return a path as seen from the table."""
    return path if expanded(path).is_absolute() else str(folder / path)
