"""Files of a batch's folder that impasto made: they are no inputs of that batch, and only they are written over."""

from __future__ import annotations

import contextlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Final

REPORTS: Final = frozenset({"report.json", "index.html", "impasto-report.json", "impasto-index.html"})
"""Names of the files that a batch writes beside its pictures."""

_MARK: Final = b"impasto-manifest "
_SEARCHED_BYTES: Final = 2**18


def record_of(picture: Path) -> Path:
    """Return the JSON file beside a picture: cat.png → cat.png.json."""
    return picture.with_name(picture.name + ".json")


def is_result(picture: Path) -> bool:
    """Return whether impasto made a picture: by the record beside it or inside it, or by the report of its folder."""
    return has_mark(record_of(picture)) or has_mark(picture) or picture.name in _reported(picture.parent)


def has_mark(file: Path) -> bool:
    """Return whether a manifest stands near the beginning or the end of a file, where each format has it."""
    try:
        with file.open("rb") as opened:
            beginning = opened.read(_SEARCHED_BYTES)
            if _MARK in beginning:
                return True
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - _SEARCHED_BYTES))
            return size > _SEARCHED_BYTES and _MARK in opened.read()
    except (OSError, ValueError):
        return False


def _reported(folder: Path) -> frozenset[str]:
    """Return the names of pictures that the last report of a folder has as made."""
    for name in ("report.json", "impasto-report.json"):
        with contextlib.suppress(OSError):
            found = (folder / name).stat()
            made = _made(folder / name, found.st_mtime_ns, found.st_size)
            if made is not None:
                return made
    return frozenset()


@lru_cache(maxsize=8)
def _made(report: Path, _changed_ns: int, _bytes: int) -> frozenset[str] | None:
    """Return what a report has as made, read once as long as it does not change; None where it is none of a batch."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        facts = json.loads(report.read_text("utf-8"))
        if str(facts["format"]).startswith("impasto-batch "):
            return frozenset(str(one["picture"]) for one in facts["pictures"] if one["picture"] is not None)
    return None
