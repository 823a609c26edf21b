"""The folder of a batch: one batch at a time is at work in it, and what that needed is cleared away when all is done."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from impasto.errors import InputError
from impasto.files import make_folder


def own_place(folder: Path) -> Path:
    """Where queue, checkpoints and copies of inputs lie."""
    return folder / ".impasto"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Ours while inside.  Raises InputError where another batch is at work, and OutputError."""
    place = own_place(folder)
    make_folder(place)
    try:
        with FileLock(place / "lock", timeout=0):
            yield
        # Behind the lock only what is empty goes.
        with contextlib.suppress(OSError):
            if [path.name for path in place.iterdir()] == ["lock"]:
                (place / "lock").unlink()
                place.rmdir()
    except Timeout:
        raise InputError(f"another batch is at work in {folder}; wait for it, or choose another folder with -o") from None


def clear(folder: Path) -> None:
    """Removes copies of inputs, and the queue of what is done."""
    for path in own_place(folder).iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != "lock":
            path.unlink(missing_ok=True)
