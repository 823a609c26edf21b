"""Bytes to disk, whole or not at all: a temporary file in the same folder, then put in place."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from impasto.errors import OutputError
from impasto.storage.text import shown
from impasto.storage.user_folders import home_folder

LONGEST_NAME_BYTES: Final = 235
"""Most systems allow 255; what is written beside a file has a longer name than the file."""

READABLE: Final = (
    ".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".heic", ".heics", ".heif", ".heifs", ".hif", ".jfif", ".jif", ".jpe",
    ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp",
)  # fmt: skip
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
    errno.ELOOP: "it is a link that leads back to itself; remove it, or choose another name",
    errno.EISDIR: "it is a folder; give a file's name",
    errno.EIO: "the disk does not answer (input/output error); choose another place",
    errno.EILSEQ: "the file system does not take this name; choose another one",
    errno.EINVAL: "the file system does not take this name; choose another one",
}


def output_error(path: Path, error: OSError) -> OutputError:
    """Return an OutputError in words that help, for what the system said."""
    hint = _HINTS.get(error.errno if error.errno is not None else 0, f"{error.strerror or error}; choose another place")
    return OutputError(f"{shown(path)} cannot be written: {hint}", path=path, errno=error.errno)


def make_folder(folder: Path) -> None:
    """Make the folder and its parents where they are missing; raise OutputError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{shown(folder)} is a file, not a folder; choose another place", path=folder) from None
    except OSError as error:
        raise output_error(folder, error) from None


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return the path with `~` as the home folder; a `~name` that is nobody's home stays as it is."""
    plain = Path(path)
    try:
        return plain.expanduser()
    except RuntimeError:
        return plain


def in_folder(out: str | os.PathLike[str], name: str) -> Path:
    """Return the file that `-o OUT` means: OUT itself, or `name` in it where OUT is a folder or ends like one (`out/`).

    Raises:
        OutputError: OUT is empty, as an unset variable of a shell is.
    """
    given = os.fspath(out)
    if given == "":
        raise OutputError("-o is empty; name a file or a folder, or leave it out")
    path = expanded(given)
    separators = tuple(separator for separator in (os.sep, os.altsep) if separator is not None)
    return path / name if given.endswith(separators) or path.is_dir() else path


def check_place(path: Path) -> None:
    """Find out before the work whether a file can be written to path; make missing folders.

    Raises:
        OutputError: The name is too long, the path is a folder or a write-protected file, or its folder cannot be written to.
    """
    if len(os.fsencode(path.name)) > LONGEST_NAME_BYTES:
        raise OutputError(
            f"the name is too long for what is written beside it: {shown(path.name[:40])}…; choose a shorter one", path=path
        )
    try:
        place = _behind_links(path)
    except OSError as error:
        raise output_error(path, error) from None
    make_folder(place.parent)
    try:
        if path.is_dir():
            raise OutputError(f"{shown(path)} is a folder; give a file's name", path=path)
        _refuse_protected(place)
        with tempfile.TemporaryFile(dir=place.parent):
            pass
    except OSError as error:
        raise output_error(path, error) from None


def _behind_links(path: Path) -> Path:
    """Return the file behind a symbolic link, which is the one that is replaced; the link stays.  Raises OSError for a loop."""
    if not path.is_symlink():
        return path
    try:
        return path.resolve()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None


def _refuse_protected(path: Path) -> None:
    """Raise OutputError for what must not be replaced: a file that its owner protected, a pipe or a device.

    A folder that may be written to would let all of them be replaced.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise OutputError(f"{shown(path)} is a pipe or a device, not a file; choose another name", path=path)
        if stat.S_IMODE(mode) & 0o222 == 0:
            raise OutputError(f"{shown(path)} is write-protected; change its permissions, or choose another name", path=path)


def put(path: Path, data: bytes, *, existing: Literal["replace", "keep"]) -> None:
    """Write data to path, so that at every moment the path holds the old content, or the new one, or nothing.

    Args:
        path: The file; of a symbolic link the file behind it.
        data: Its new content.
        existing: `keep` never replaces a file, even one that appears meanwhile.

    Raises:
        OutputError: The place cannot be written, or a file is to be kept; the temporary file is removed in every case.
    """
    put_by(path, lambda temporary: temporary.write_bytes(data), existing=existing)


def put_by(path: Path, write: Callable[[Path], object], *, existing: Literal["replace", "keep"]) -> None:
    """Put a file in place as `put` does, with the content that `write` writes to the temporary file it is given."""
    try:
        place = _behind_links(path) if existing == "replace" else path
        if existing == "replace":
            _refuse_protected(place)
        try:
            _put_once(place, write, existing)
        except FileNotFoundError:
            # Somebody removed the folder, or cleaned it of our temporary file, while it was written.
            make_folder(place.parent)
            _put_once(place, write, existing)
    except FileExistsError:
        raise OutputError(f"{shown(path)} exists; choose another name, or replace it with --overwrite", path=path) from None
    except OSError as error:
        raise output_error(path, error) from None


def _put_once(path: Path, write: Callable[[Path], object], existing: Literal["replace", "keep"]) -> None:
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
        _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write the folder's list of names to the disk: a new name survives a power cut only then (fsync(2))."""
    flag = getattr(os, "O_DIRECTORY", None)
    if flag is None:  # Windows has no such thing
        return
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY | flag)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _link(temporary: Path, path: Path) -> None:
    """Give the file its name unless that is taken, atomically where the file system has hard links."""
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


def other_folders() -> Iterator[Path]:
    """Yield folders for work whose own place is gone or full: the working folder, the one for temporary files, the home."""
    for folder in (Path.cwd, lambda: Path(tempfile.gettempdir()), home_folder):
        with contextlib.suppress(OSError):
            found = folder()
            if found is not None:
                yield found


def sweep(folder: Path, ours: Iterable[Path] = ()) -> None:
    """Remove temporary files of killed processes: those of paths that nobody else can be writing now, and all an hour old."""
    prefixes = tuple(_prefix(path) for path in ours)
    left_over = list(folder.glob(f"{_PREFIX}*.part"))
    now = file_clock(folder) if left_over else None
    for left in left_over:
        with contextlib.suppress(OSError):
            old = now is not None and now - left.stat().st_mtime > 3600
            if old or left.name.startswith(prefixes):
                left.unlink()


def file_clock(folder: Path) -> float | None:
    """Return the time now by the clock that dates the folder's files, in seconds since 1970; None where none can be written.

    A file server, or another machine that shares the folder, may be hours away from this machine's clock.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return None


def _prefix(path: Path) -> str:
    """Return how the names of a path's temporary files begin: short, however long its own name is."""
    return f"{_PREFIX}{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}-"
