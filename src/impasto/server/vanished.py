"""Data folders that went away while a server used them, remembered so that the next start does not begin with an empty one.

Where a share was unmounted, its mount point is an empty folder.  A server that is started again there, as service managers do,
would take jobs that are hidden as soon as the share is back.  The memory is a small file for each folder in the user's data
folder; without a home there is none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from impasto.errors import ImpastoError, InputError
from impasto.files import expanded, make_folder, put
from impasto.jobs.store import Folder
from impasto.storage.text import to_json
from impasto.storage.user_folders import data_folder


def remember(store: Folder) -> None:
    """Note that a data folder went away."""
    note = _note(Path(store.url))
    if note is not None and store.mark is not None:
        facts = {"folder": store.url, "mark": store.mark, "time": time.strftime("%Y-%m-%d %H:%M")}
        with contextlib.suppress(ImpastoError):  # the log has it, too
            make_folder(note.parent)
            put(note, to_json(facts).encode(), existing="replace")


def forget(folder: Path) -> None:
    """Note that a data folder is back."""
    note = _note(folder)
    if note is not None:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)


def require_back(location: str) -> None:
    """Forget a data folder that is back.  Raises InputError for one that is not."""
    if "://" in location and not location.startswith("file://"):
        return
    folder = expanded(location.removeprefix("file://")).absolute()
    note = _note(folder)
    try:
        facts = {} if note is None else dict(json.loads(note.read_bytes()))
        mark, when = str(facts["mark"]), str(facts["time"])
    except (OSError, ValueError, TypeError, KeyError):
        return
    with contextlib.suppress(OSError):  # a share that does not answer is not back
        if (folder / mark).exists():
            forget(folder)
            return
    raise InputError(
        f"the data folder {folder} went away on {when} while a server used it, and is not back; move or mount it there again, "
        f"or remove {note} to begin with what is there now"
    )


def _note(folder: Path) -> Path | None:
    base = data_folder()
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return None if base is None else base / "vanished" / f"{name}.json"
