"""Entries that were computed once and can be computed again: files in one folder, the least recently used of which go first.

Nothing here is ever an error.  A folder that cannot be written is an empty cache, and so is that of a user without a home.  The
folder may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from impasto.errors import OutputError
from impasto.files import make_folder, put, sweep
from impasto.storage.user_folders import cache_folder

LIMIT_BYTES: Final = 256 * 2**20
"""The entries of some thirty styles at three sizes each."""

_NAME: Final = re.compile(r"[0-9a-f]{64}\.safetensors")


def cache_dir() -> Path | None:
    """Return the folder of the entries, `styles` in the user's cache folder; None where there is none.  It need not exist."""
    base = cache_folder()
    return None if base is None else base / "styles"


def path_of(key: str) -> Path | None:
    """Return where the entry of a key (64 hexadecimal digits) lies, if there is one; it counts as used now."""
    folder = cache_dir()
    if folder is None:
        return None
    path = folder / f"{key}.safetensors"
    with contextlib.suppress(OSError):
        os.utime(path)
    return path


def keep(key: str, data: bytes) -> None:
    """Put an entry in place of an older one, whole or not at all, and remove others until all fit into LIMIT_BYTES."""
    folder = cache_dir()
    if folder is None:
        return
    with contextlib.suppress(OutputError, OSError):
        make_folder(folder)
        put(folder / f"{key}.safetensors", data, existing="replace")
        sweep(folder)
        _trim()


def entries() -> list[tuple[Path, int]]:
    """Return all entries with their sizes in bytes, the least recently used first."""
    found = sorted(_found(), key=lambda entry: entry[0])
    return [(path, size) for _, path, size in found]


def _found() -> Iterator[tuple[float, Path, int]]:
    folder = cache_dir()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            # Only what bears our kind of name: the folder is the user's to choose, and other files in it are not ours to remove.
            if _NAME.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    yield status.st_mtime, path, status.st_size


def _trim() -> None:
    kept = entries()
    excess = sum(size for _, size in kept) - LIMIT_BYTES
    for path, size in kept:
        if excess <= 0:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            excess -= size
