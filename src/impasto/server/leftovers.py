"""Leftovers in a data folder, of files that are gone and of processes that were killed; they are removed as files are swept."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from impasto.files import file_clock
from impasto.jobs import Queue
from impasto.jobs.store import Folder

_LEFT_S: Final = 3600.0
"""Seconds after its last change for which a thing may still be in the making."""


def sweep_leftovers(queue: Queue) -> None:
    """Remove small pictures, facts and names of files that are gone, other formats of results that are gone, and temporary files.

    Nothing younger than an hour goes.  Only in a folder, which one server claims.
    """
    if not isinstance(queue.store, Folder):
        return
    folder = Path(queue.store.url)
    now = file_clock(folder)
    if now is None:
        return
    for left in (*_of_files(folder), *_of_results(folder), *(folder / "temporary").glob("*")):
        with contextlib.suppress(OSError):  # what is in the way of one need not hold up the others
            if now - left.lstat().st_mtime > _LEFT_S:
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def _of_files(folder: Path) -> Iterator[Path]:
    for kind in ("thumbnails", "facts", "names"):
        for left in (folder / kind).glob("??/*"):
            sha256 = left.name[:64]
            files = folder / "files" / sha256[:2]
            if not (files / sha256).exists() and not (files / f".{sha256}.going").exists():
                yield left


def _of_results(folder: Path) -> Iterator[Path]:
    for left in (*(folder / "jobs").glob("*/small-*"), *(folder / "jobs").glob("*/result-*")):
        if not any((left.parent / source).exists() for source in ("result.png", "preview.webp")):
            yield left
