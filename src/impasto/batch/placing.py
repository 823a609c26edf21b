"""How a finished picture comes into the batch's folder, and when it counts as done there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection
from pathlib import Path

from impasto.batch.results import has_mark, is_result, record_of
from impasto.errors import OutputError
from impasto.files import check_place, make_folder, output_error, put
from impasto.jobs.request import Request, Suffix
from impasto.jobs.store import Store, job_key
from impasto.storage.text import shown


def check_free(picture: Path, inputs: Collection[tuple[int, int]]) -> None:
    """Raise OutputError, before any work, where a picture cannot be placed or would replace a file that impasto did not make.

    Args:
        picture: Where it is to go; its folder is made.
        inputs: Device and inode of each file that the batch reads.
    """
    try:
        check_place(picture)
        record = record_of(picture)
        for path in (picture, record):
            if not os.path.lexists(path):
                continue
            found = path.lstat()
            if (found.st_dev, found.st_ino) in inputs or _target(path) in inputs:
                raise OutputError(
                    f"{shown(path)} is an input of this batch; choose another folder with -o, so that it is not lost"
                )
            if found.st_size > 0 and not (is_result(picture) if path == picture else has_mark(record)):
                raise OutputError(
                    f"{shown(path)} exists and was not made by impasto; move it away, or choose another folder with -o"
                )
        if not os.path.lexists(picture):
            _check_name(picture)
    except (OSError, ValueError) as error:
        raise _output_error(picture, error) from None


def _target(path: Path) -> tuple[int, int] | None:
    """Return device and inode of what a path leads to."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _check_name(picture: Path) -> None:
    """Find out whether the file system takes the name: FAT has no `:`, others take UTF-8 only.  Raises OSError."""
    os.close(os.open(picture, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    picture.unlink()


def place(store: Store, job: str, picture: Path, suffix: Suffix) -> None:
    """Put the picture of a finished job into the folder, then its record, with which it counts as done.

    Raises:
        OutputError: It cannot be written there; the job keeps it.
        Missing: The job has none.
    """
    try:
        made = store.read(job_key(job, f"result{suffix}"))
        record = store.read(job_key(job, "manifest.json"))
        make_folder(picture.parent)
        beside = record_of(picture)
        beside.unlink(missing_ok=True)  # an older one's must not stand beside the new picture, whenever this is ended
        put(picture, made, existing="replace")
        put(beside, record, existing="replace")
    except (OSError, ValueError) as error:
        raise _output_error(picture, error) from None


def _output_error(picture: Path, error: OSError | ValueError) -> OutputError:
    if isinstance(error, OSError):
        return output_error(picture, error)
    return OutputError(f"{shown(picture)} is no name that this system takes; choose another one", path=picture)


def done(picture: Path, request: Request) -> bool:
    """Return whether the picture is there, and its record says that it was made of these files with these settings."""
    try:
        facts = json.loads(record_of(picture).read_text("utf-8"))
        if not picture.is_file() or not facts["finished"]:
            return False
        settings = request.resolved().model_dump(mode="json")
        recorded = [facts["content"], *facts["styles"]]
        wanted = [ref.sha256 for role, ref in request.roles() if role == "content" or role.startswith("style.")]
        return bool(facts["settings"] == settings and [one["sha256"] for one in recorded] == wanted)
    except (OSError, ValueError, KeyError, TypeError):
        return False
