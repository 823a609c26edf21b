"""Entries that were computed once and can be computed again: files in one folder, the least recently used of which go first.

Nothing here is ever an error.  A folder that cannot be written is an empty cache, and the folder may be deleted at any time.
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

LIMIT_BYTES: Final = 256 * 2**20
"""The entries of some thirty styles at three sizes each."""

_NAME: Final = re.compile(r"[0-9a-f]{64}\.safetensors")


def cache_dir() -> Path:
    """The folder of the entries: `styles` in the user's cache folder, or in `IMPASTO_CACHE`; it need not exist."""
    import platformdirs

    base = os.environ.get("IMPASTO_CACHE", "")
    return Path(base if base != "" else platformdirs.user_cache_dir("impasto", appauthor=False)) / "styles"


def path_of(key: str) -> Path:
    """Where the entry of a key (64 hexadecimal digits) lies, if there is one; it counts as used now."""
    path = cache_dir() / f"{key}.safetensors"
    with contextlib.suppress(OSError):
        os.utime(path)
    return path


def keep(key: str, data: bytes) -> None:
    """Puts an entry in place of an older one, whole or not at all, and removes others until all fit into LIMIT_BYTES."""
    path = cache_dir() / f"{key}.safetensors"
    with contextlib.suppress(OutputError, OSError):
        make_folder(path.parent)
        put(path, data, existing="replace")
        sweep(path.parent)
        _trim()


def entries() -> list[tuple[Path, int]]:
    """All entries with their sizes in bytes, the least recently used first."""
    found = sorted(_found(), key=lambda entry: entry[0])
    return [(path, size) for _, path, size in found]


def _found() -> Iterator[tuple[float, Path, int]]:
    with contextlib.suppress(OSError):
        for path in cache_dir().iterdir():
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
