"""The way of a finished picture into the batch's folder, and when it counts as done there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from impasto.batch.results import has_mark, is_result, record_of
from impasto.errors import InputError, OutputError
from impasto.files import check_place, make_folder, output_error, put
from impasto.jobs.request import Request, Suffix
from impasto.jobs.store import Missing, Store, file_key, job_key
from impasto.storage.text import shown
from impasto.storage.user_text import read_text

_UNFINISHED: Final = b'{"format": "impasto-manifest 1", "finished": false}\n'


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
        # An older one's must not stand beside the new picture, whenever this is ended, nor a picture that nobody knows.
        put(beside, _UNFINISHED, existing="replace")
        put(picture, made, existing="replace")
        put(beside, record, existing="replace")
    except (OSError, ValueError) as error:
        raise _output_error(picture, error) from None


def _output_error(picture: Path, error: OSError | ValueError) -> OutputError:
    if isinstance(error, OSError):
        return output_error(picture, error)
    return OutputError(f"{shown(picture)} is no name that this system takes; choose another one", path=picture)


def done(picture: Path, request: Request, store: Store) -> bool:
    """Return whether the picture is there, and its record says that it was made of these files with these settings.

    A file whose bytes are others is the same if its pixels are: a rating or a caption was written into it.  `store` has the file.
    """
    try:
        facts = json.loads(read_text(record_of(picture)))
        if not picture.is_file() or not facts["finished"]:
            return False
        settings = request.resolved().model_dump(mode="json")
        recorded = [facts["content"], *facts["styles"]]
        wanted = [ref.sha256 for role, ref in request.roles() if role == "content" or role.startswith("style.")]
        if facts["settings"] != settings or len(recorded) != len(wanted):
            return False
        pairs = [(was, now) for was, now in zip(recorded, wanted, strict=True) if was["sha256"] != now]
        return all(was.get("pixels_sha256") is not None for was, _ in pairs) and all(_same(*pair, store) for pair in pairs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _same(recorded: Mapping[str, Any], sha256: str, store: Store) -> bool:
    """Return whether a file of the store has the pixels that were recorded; reading it takes a moment."""
    from impasto.images import read
    from impasto.manifest import is_same

    try:
        return is_same(recorded, read(store.read(file_key(sha256))))
    except (InputError, Missing):
        return False
