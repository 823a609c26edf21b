"""Where uploads wait until they are looked at: in the data folder, which has to have room for them anyway.

So a server needs no other folder that can be written to, as in a container whose file system is read-only.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from impasto.errors import InputError
from impasto.files import make_folder
from impasto.jobs import Store
from impasto.jobs.store import Folder


@contextlib.contextmanager
def temporary_files(store: Store) -> Iterator[None]:
    """Put this process's temporary files into the data folder while inside.

    Raises InputError where the data are elsewhere and this machine has no folder for temporary files.
    """
    before = tempfile.tempdir
    if isinstance(store, Folder):
        place = Path(store.url) / "temporary"
        make_folder(place)
        tempfile.tempdir = str(place)
    else:
        _require_folder()
    try:
        yield
    finally:
        tempfile.tempdir = before


def make_room(store: Store) -> None:
    """Make the folder anew where a cleaner removed it.  Raises Unavailable or OutputError."""
    if isinstance(store, Folder):
        store.check()
        make_folder(Path(tempfile.gettempdir()))


@contextlib.contextmanager
def temporary_folder(store: Store) -> Iterator[Path]:
    """Yield a new folder for temporary files, which is removed at the end.  Raises Unavailable or OutputError."""
    make_room(store)
    with tempfile.TemporaryDirectory(prefix="impasto-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def child_environment(**more: str) -> dict[str, str]:
    """Return the environment of a child process, whose temporary files lie where this one's do."""
    return {**os.environ, "TMPDIR": tempfile.gettempdir(), **more}


def _require_folder() -> None:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise InputError(
            "uploads need a folder for temporary files, and this machine has none that can be written to; set TMPDIR to one"
        ) from None
