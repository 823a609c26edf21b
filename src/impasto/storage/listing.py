"""Files by a folder or a pattern: regular files with certain extensions, and one line for what is passed over.

A pipe, a socket or a device that is called `x.png` is never opened: reading it could wait for ever.
"""

from __future__ import annotations

import glob
import os
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from impasto.storage.text import shown

_NAMED: Final = 3
_UNTOLD: Final = frozenset({"desktop.ini", "thumbs.db", "ehthumbs.db"})
_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


@dataclass(frozen=True)
class Listing:
    """Files in the order of their names, and lines that tell what was passed over."""

    files: Sequence[Path]
    notes: Sequence[str]


def in_folder(folder: Path, extensions: Collection[str], *, kind: str, untold: Collection[str] = ()) -> Listing:
    """Return the regular files of a folder that have one of the extensions; hidden files are none.

    Args:
        folder: The folder; its own folders are not searched.
        extensions: In small letters, with their dots; the case of a name does not count.
        kind: What such files are called in notes, in the plural, as "pictures".
        untold: Names in small letters that are passed over without a note, as are records beside a file (`x.png.json`).

    Raises:
        OSError: The folder cannot be read.
    """
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    named = [path for path in entries if path.suffix.lower() in extensions]
    silent = {*_UNTOLD, *untold, *(f"{path.name}.json".lower() for path in entries)}
    others = [path for path in entries if path.suffix.lower() not in extensions and path.name.lower() not in silent]
    files, notes = _regular(named)
    strange, folders = [path for path in others if problem(path) is None], [path for path in others if path.is_dir()]
    if strange:
        what = f"1 file in {shown(folder)} is" if len(strange) == 1 else f"{len(strange)} files in {shown(folder)} are"
        whose = "its name" if len(strange) == 1 else "their names"
        notes.append(f"{what} passed over, no {kind} by {whose}: {_names(strange)}")
    if folders:
        what = f"1 folder in {shown(folder)} is" if len(folders) == 1 else f"{len(folders)} folders in {shown(folder)} are"
        every = shown(folder / "**" / "*")
        notes.append(f"{what} not searched, '{every}' in quotes searches all: {_names(folders)}")
    return Listing(files, notes)


def by_pattern(pattern: str, extensions: Collection[str]) -> Listing:
    """Return the regular files that a pattern (`photos/*.jpg`, `**` for folders in folders) matches, by extension.

    Where the folder before the last `/` exists as it is written, brackets in its name are no pattern.
    """
    parent, name = os.path.split(pattern)
    literal = os.path.join(glob.escape(parent), name) if parent != "" and os.path.isdir(parent) else pattern  # noqa: PTH112,PTH118 - as glob spells it
    matches = sorted({Path(match) for match in glob.glob(literal, recursive=True)})  # noqa: PTH207 - of any path, absolute or not
    if not matches and unicodedata.normalize("NFD", literal) != literal:  # macOS keeps names in pieces
        matches = sorted({Path(match) for match in glob.glob(unicodedata.normalize("NFD", literal), recursive=True)})  # noqa: PTH207
    files, notes = _regular([path for path in matches if path.suffix.lower() in extensions])
    return Listing(files, notes)


def on_disk(path: Path) -> Path:
    """Return the path as the disk spells it: a name that is typed composed (ü) may be kept in pieces (u and two dots).

    A path that exists, or of which nothing similar exists, is returned as it is.
    """
    if _exists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[1 if path.anchor else 0 :]:
        if not _exists(found / part):
            try:
                same = [one for one in os.listdir(found) if _composed(one) == _composed(part)]  # noqa: PTH208 - names alone
            except OSError:
                return path
            if not same:
                return path
            part = sorted(same)[0]  # noqa: PLW2901
        found /= part
    return found


def problem(path: Path) -> str | None:
    """Return why a path is no file that can be read without waiting, as "is a pipe"; None for a regular file."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if path.is_symlink():
            return "is a link that leads nowhere"
        return f"cannot be read: {shown(getattr(error, 'strerror', None) or error)}"
    if stat.S_ISREG(mode):
        return None
    return next((f"is {words}, not a file" for fits, words in _KINDS if fits(mode)), "is not a file")


def _regular(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Return the regular files of some paths, and lines for the others."""
    problems = [(path, problem(path)) for path in paths]
    files = [path for path, why in problems if why is None]
    notes = [f"{shown(path)} {why}, so it is passed over" for path, why in problems if why is not None]
    if len(notes) > _NAMED:
        notes = [
            *notes[:_NAMED],
            f"{len(notes) - _NAMED} more are passed over likewise, since they are no files that can be read",
        ]
    return files, notes


def _names(paths: Sequence[Path]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(shown(path.name) for path in paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
