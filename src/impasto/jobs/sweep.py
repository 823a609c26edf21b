"""Inputs that no job needs: they go some time after they were last sent or asked for.

Only in a folder, which one server claims, and of which no other database ever had jobs: what others know is not known here.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from impasto.errors import OutputError
from impasto.files import file_clock
from impasto.jobs.queue import Queue
from impasto.jobs.store import Folder

_GOING: Final = ".going"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
log = logging.getLogger("impasto.jobs")


def sweep(queue: Queue, *, unused_s: float, but: Collection[str] = ()) -> Iterator[str]:
    """Remove inputs that no job names and nobody used for `unused_s` seconds; yield the hash of each when it is gone.

    Args:
        queue: The jobs, and the store of their inputs.
        unused_s: Seconds by the clock of the folder's own disk.
        but: Hashes of inputs that stay.

    Raises:
        Unavailable: The queue does not answer.
        OutputError: An input cannot be looked at.
    """
    if not isinstance(queue.store, Folder) or not queue.alone:
        return
    folder = Path(queue.store.url) / "files"
    now = file_clock(folder)
    if now is None:  # nothing was ever sent, or nothing can be removed
        return
    until = now - unused_s
    _put_back(folder)
    old = [path for path in _inputs(folder) if (used := _used(path)) is not None and used < until]
    if not old:
        return
    # Asked after the files were looked at: what a job names from now on, it used a moment ago.
    needed = queue.inputs() | set(but)
    for path in old:
        if path.name not in needed and _removed(path, until):
            yield path.name


def _inputs(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("??/*") if _HASH.fullmatch(path.name) is not None)


def _used(path: Path) -> float | None:
    """When, in seconds since 1970; None where it is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror or error}") from None


def _removed(path: Path, until: float) -> bool:
    """Whether it went.  Who uses it from now on finds it absent, and who did just before has it back."""
    used, going = _used(path), path.with_name(f".{path.name}{_GOING}")
    # What cannot be written to does not tell when it was used.
    if used is None or used >= until or not os.access(path, os.W_OK):
        return False
    try:
        path.replace(going)
        if going.stat().st_mtime >= until:
            going.replace(path)
            return False
        going.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:  # the others need not wait for it
        log.warning("%s cannot be removed: %s", path, error.strerror or error)
        return False
    return True


def _put_back(folder: Path) -> None:
    """What was on its way when a server was ended."""
    for going in folder.glob(f"??/.*{_GOING}"):
        path = going.with_name(going.name.removeprefix(".").removesuffix(_GOING))
        try:
            going.unlink() if path.exists() else going.replace(path)
        except OSError as error:
            log.warning("%s cannot be put back: %s", going, error.strerror or error)
