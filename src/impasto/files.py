"""Bytes to disk, whole or not at all: a temporary file in the same folder, then put in place."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import Literal

from impasto.errors import OutputError

_HINTS = {
    errno.ENOSPC: "the disk is full; free space, or choose another place",
    errno.EDQUOT: "the disk quota is used up; free space, or choose another place",
    errno.EFBIG: "the file would be larger than this system allows; choose another place or a smaller size",
    errno.EACCES: "writing there is not allowed; choose another place",
    errno.EPERM: "writing there is not allowed; choose another place",
    errno.EROFS: "the place is read-only; choose another one",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another place",
    errno.ENOENT: "the folder does not exist and cannot be made; choose another place",
    errno.EISDIR: "it is a folder; give a file's name",
}


def output_error(path: Path, error: OSError) -> OutputError:
    """An OutputError in words that help, for what the system said."""
    hint = _HINTS.get(error.errno or 0, f"{error.strerror or error}; choose another place")
    return OutputError(f"{path} cannot be written: {hint}", path=path, errno=error.errno)


def make_folder(folder: Path) -> None:
    """Makes the folder and its parents where they are missing; raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{folder} is a file, not a folder; choose another place", path=folder) from None
    except OSError as error:
        raise output_error(folder, error) from None


def put(path: Path, data: bytes, *, existing: Literal["replace", "keep"]) -> None:
    """Writes data to path, so that at every moment the path holds the old content, or the new one, or nothing.

    `keep` never replaces a file, even one that appears meanwhile: it raises OutputError.  Raises OutputError when the place
    cannot be written; the temporary file is removed in every case.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=".impasto-", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _allow_as_usual(temporary)
        if existing == "keep":
            _link(temporary, path)
        else:
            Path(temporary).replace(path)
            temporary = None
    except FileExistsError:
        raise OutputError(f"{path} exists; choose another name, or replace it with --overwrite", path=path) from None
    except OSError as error:
        raise output_error(path, error) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _link(temporary: str, path: Path) -> None:
    """Gives the file its name unless that is taken, atomically where the file system has hard links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some network file systems have no links: reserve the name first, then replace our own reservation.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            Path(temporary).replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _allow_as_usual(temporary: str) -> None:
    """Temporary files are private; a result has the permissions that the user's umask gives any new file."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
