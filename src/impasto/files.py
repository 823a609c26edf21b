"""Bytes to disk, whole or not at all: a temporary file in the same folder, then put in place."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal

from impasto.errors import OutputError

LONGEST_NAME_BYTES: Final = 235
"""Most systems allow 255; what is written beside a file has a longer name than the file."""

READABLE: Final = (".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Extensions of pictures in a folder; a file that is named is read whatever its extension."""

_PREFIX: Final = ".impasto-"

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


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with `~` as the home folder; a `~name` that is nobody's home stays as it is."""
    plain = Path(path)
    try:
        return plain.expanduser()
    except RuntimeError:
        return plain


def check_place(path: Path) -> None:
    """Finds out before the work whether a file can be written to path; makes missing folders.  Raises OutputError."""
    if len(os.fsencode(path.name)) > LONGEST_NAME_BYTES:
        raise OutputError(
            f"the name is too long for what is written beside it: {path.name[:40]}…; choose a shorter one", path=path
        )
    make_folder(path.parent)
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; give a file's name", path=path)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise output_error(path, error) from None


def put(path: Path, data: bytes, *, existing: Literal["replace", "keep"]) -> None:
    """Writes data to path, so that at every moment the path holds the old content, or the new one, or nothing.

    `keep` never replaces a file, even one that appears meanwhile: it raises OutputError.  Raises OutputError when the place
    cannot be written; the temporary file is removed in every case.
    """
    put_by(path, lambda temporary: temporary.write_bytes(data), existing=existing)


def put_by(path: Path, write: Callable[[Path], object], *, existing: Literal["replace", "keep"]) -> None:
    """As `put`, for data that `write` writes to the temporary file it is given."""
    temporary = path.with_name(f"{_prefix(path)}{secrets.token_hex(8)}.part")
    try:
        # Made here, with the permissions that the user's umask gives any new file.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if existing == "keep":
            _link(temporary, path)
        else:
            temporary.replace(path)
    except FileExistsError:
        raise OutputError(f"{path} exists; choose another name, or replace it with --overwrite", path=path) from None
    except OSError as error:
        raise output_error(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> None:
    """Gives the file its name unless that is taken, atomically where the file system has hard links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some network file systems have no links: reserve the name first, then replace our own reservation.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            temporary.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def sweep(folder: Path, ours: Iterable[Path] = ()) -> None:
    """Removes temporary files of killed processes: those of paths that nobody else can be writing now, and all an hour old."""
    prefixes = tuple(_prefix(path) for path in ours)
    for left in folder.glob(f"{_PREFIX}*.part"):
        with contextlib.suppress(OSError):
            if left.name.startswith(prefixes) or time.time() - left.stat().st_mtime > 3600:
                left.unlink()


def _prefix(path: Path) -> str:
    """How the temporary files of a path begin; short, however long its name is."""
    return f"{_PREFIX}{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}-"
