"""The data location: inputs by the hash of their bytes, and what jobs write; a folder, or any fsspec URL for several machines.

Keys are made by this program alone, of hashes, ids and fixed names; what a client sends is never part of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol

from impasto.errors import InputError, OutputError, Unavailable
from impasto.files import expanded, make_folder, output_error, put, put_by
from impasto.storage.text import shown

_KEY: Final = re.compile(r"[a-z]+(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")


_OBJECTS: Final = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss"}
"""Stores whose folders are parts of names only: to make one makes the bucket, where a mistyped one should be an error."""


class Missing(InputError):
    """There is no such file in the data location."""


GONE: Final = "the data folder was moved, removed or unmounted while it was in use; put it back where it was"


class Store(Protocol):
    """Files by key, each whole or absent at every moment.

    All methods raise OutputError when the location fails, and Unavailable when it went away.
    """

    @property
    def url(self) -> str:
        """The location, for another process."""

    @property
    def mark(self) -> str | None:
        """The file by which the location is known, for another process; None where it has none."""

    def check(self) -> None:
        """Raise Unavailable where the location is not the one that was opened, or OutputError where it does not answer."""

    def read(self, key: str) -> bytes:
        """Return the bytes of a file.  Raises Missing."""

    def write(self, key: str, data: bytes) -> None:
        """Put a file in place of an older one."""

    def send(self, key: str, path: Path) -> None:
        """Take a local file over, in place of an older one."""

    def local(self, key: str) -> AbstractContextManager[Path]:
        """Yield a path of this machine to read the file at.  Raises Missing."""

    def stamp(self, key: str) -> str | None:
        """Return a text that changes whenever the file does; None where there is none."""

    def use(self, key: str) -> bool:
        """Return whether the file is there; from now on it counts as used just now."""

    def remove(self, prefix: str) -> None:
        """Remove a file, or all files of a folder; what is not there is gone already."""

    def names(self, prefix: str) -> list[str]:
        """Return the names right below a folder."""


def open_store(location: str | os.PathLike[str], *, mark: str | None = None) -> Store:
    """Return the store at a folder's path or an fsspec URL (`s3://bucket/folder`).

    Args:
        location: A folder is made where it is missing.
        mark: The `Folder.mark` of a folder that is open elsewhere.  Nothing is made then: another folder in its place is refused.

    Raises:
        InputError: The URL cannot be used.
        OutputError: The folder cannot be made.
        Unavailable: The folder is not the one with the mark.
    """
    text = os.fspath(location)
    if "://" in text and not text.startswith("file://"):
        return Remote(text)
    folder = expanded(text.removeprefix("file://")).absolute()
    if mark is None:
        make_folder(folder)
        return Folder(folder)
    store = Folder(folder, mark=mark)
    store.check()
    return store


def file_key(sha256: str) -> str:
    """Return the key of an input."""
    return f"files/{sha256[:2]}/{sha256}"


def job_key(job: str, name: str = "") -> str:
    """Return the key of a job's file; without a name that of its folder."""
    return f"jobs/{job}/{name}".rstrip("/")


def plain_url(url: str) -> str:
    """Return a URL as it may be shown: without a password, or what is no printable character.

    >>> plain_url("ftp://ann:secret@host/folder?password=secret")
    'ftp://ann@host/folder'
    """
    scheme, separator, rest = url.partition("://")
    place = re.sub(r"^([^:/@]*):.*@", r"\1@", rest.partition("?")[0])
    return shown(f"{scheme}{separator}{place}")


def first_line(error: Exception) -> str:
    """Return what an error of a library says, in one line; passwords in URLs are left out."""
    text = str(error.strerror if isinstance(error, OSError) and error.strerror else error).strip()
    line = re.sub(r"^\([\w.]+\) ", "", text.splitlines()[0]) if text else type(error).__name__
    return shown(re.sub(r"(\w://[^\s:/@]+):[^\s@]+@", r"\1@", line))


def keep_file(store: Store, data: bytes) -> str:
    """Put an input into the store, and return its hash."""
    sha256 = hashlib.sha256(data).hexdigest()
    if not store.use(file_key(sha256)):
        store.write(file_key(sha256), data)
    return sha256


def _checked(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"{key!r} is no key of a store")
    return key


class Folder:
    """A store in a folder of this machine, or one that all machines see.

    Nothing is written where the folder is not the one that was opened: a folder made anew in its place would hide what the
    first one holds.  The folder is known by an empty file with a random name, since numbers of inodes are used again and change.
    """

    def __init__(self, folder: Path, *, mark: str | None = None) -> None:
        """Open a folder that is there; `mark`: of the folder that it has to be, or None for whichever it is."""
        self._folder = folder
        self._mark = _marked(folder) if mark is None else mark

    @property
    def mark(self) -> str | None:
        """The file by which the folder is known, relative to it; None where none can be written."""
        return self._mark

    def check(self) -> None:
        """Do as Store.check."""
        if self._mark is None:
            return
        try:
            (self._folder / self._mark).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise Unavailable(GONE) from None
        except OSError as error:
            raise OutputError(f"{self._folder} cannot be read: {error.strerror or error}", errno=error.errno) from None

    @property
    def url(self) -> str:
        """The folder."""
        return str(self._folder)

    def _path(self, key: str) -> Path:
        return self._folder / _checked(key)

    def read(self, key: str) -> bytes:
        """Do as Store.read."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            self.check()  # what went away with all others is not missing
            raise Missing(f"there is no {key} in {self._folder}") from None
        except OSError as error:
            raise OutputError(f"{self._folder / key} cannot be read: {error.strerror or error}") from None

    def write(self, key: str, data: bytes) -> None:
        """Do as Store.write."""
        path = self._path(key)
        self.check()
        make_folder(path.parent)
        put(path, data, existing="replace")

    def send(self, key: str, path: Path) -> None:
        """Do as Store.send."""
        target = self._path(key)
        self.check()
        make_folder(target.parent)
        try:
            path.chmod(0o644)  # temporary files are their owner's alone
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            path.replace(target)
        except OSError:  # from another file system
            put_by(target, lambda temporary: shutil.copyfile(path, temporary), existing="replace")
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """Do as Store.local."""
        path = self._path(key)
        if not path.is_file():
            self.check()
            raise Missing(f"there is no {key} in {self._folder}")
        yield path

    def stamp(self, key: str) -> str | None:
        """Do as Store.stamp."""
        try:
            found = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            self.check()
            return None
        except OSError as error:
            raise OutputError(f"{self._folder / key} cannot be read: {error.strerror or error}") from None
        return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"

    def use(self, key: str) -> bool:
        """Do as Store.use."""
        path = self._path(key)
        try:
            os.utime(path)
        except (FileNotFoundError, NotADirectoryError):
            self.check()
            return False
        except OSError:  # somebody else's file, or a disk that is not written to: it is there, and nothing else matters
            return self.stamp(key) is not None
        return True

    def remove(self, prefix: str) -> None:
        """Do as Store.remove."""
        path = self._path(prefix)
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise output_error(path, error) from None

    def names(self, prefix: str) -> list[str]:
        """Do as Store.names."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return sorted(path.name for path in self._path(f"{prefix}/x").parent.iterdir() if not path.name.startswith("."))
        return []


def _marked(folder: Path) -> str | None:
    """Return the file that marks a folder, relative to it; an empty one is made where there is none."""
    place = folder / "location"
    try:
        place.mkdir(exist_ok=True)
        known = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
        if not known:
            known = [secrets.token_hex(16)]
            (place / known[0]).touch()
    except OSError:  # read-only, or not there: writing will tell
        return None
    return f"location/{known[0]}"


class Remote:
    """A store anywhere that fsspec reaches."""

    def __init__(self, url: str) -> None:
        self._shown = plain_url(url)
        try:
            import fsspec

            self._system, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            needed = " (for S3: pip install 'impasto[s3]')" if url.startswith("s3") else ""
            raise InputError(f"the data location {self._shown} cannot be used: {first_line(error)}{needed}") from None
        except Exception as error:  # every provider has its own, and some connect at once
            raise InputError(f"the data location {self._shown} cannot be used: {first_line(error)}") from None
        self._url = url
        protocol = self._system.protocol
        self._objects = not _OBJECTS.isdisjoint({protocol} if isinstance(protocol, str) else protocol)
        if self._objects and not self._root.partition("/")[0]:
            raise InputError(f"the data location {self._shown} names no bucket; give one as s3://bucket/folder")

    @property
    def url(self) -> str:
        """As given."""
        return self._url

    @property
    def mark(self) -> None:
        """None: a service is known by its URL."""

    def check(self) -> None:
        """Do as Store.check; a service is one and the same as long as it answers."""

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{_checked(key)}"

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[None]:
        """Make the folder before writing, where folders are things of their own.  Raises OutputError for a missing bucket."""
        if not self._objects:
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        try:
            yield
        except FileNotFoundError as error:
            raise OutputError(f"nothing can be written to {self._shown}: {first_line(error)}") from None

    @contextlib.contextmanager
    def _words(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise Missing(f"there is no {key} in {self._shown}") from None
        except (OutputError, Missing):
            raise
        except Exception as error:  # every provider has its own
            raise OutputError(f"{self._shown}/{key}: {type(error).__name__}: {first_line(error)}") from None

    def read(self, key: str) -> bytes:
        """Do as Store.read."""
        path = self._path(key)
        with self._words(key):
            data: bytes = self._system.cat_file(path)
        return data

    def write(self, key: str, data: bytes) -> None:
        """Do as Store.write."""
        path = self._path(key)
        with self._words(key), self._folder(path):
            self._system.pipe_file(path, data)

    def send(self, key: str, path: Path) -> None:
        """Do as Store.send."""
        target = self._path(key)
        with self._words(key), self._folder(target):
            self._system.put_file(str(path), target)
        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """Do as Store.local."""
        source = self._path(key)
        with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
            path = Path(folder) / key.rpartition("/")[2]
            with self._words(key):
                self._system.get_file(source, str(path))
            yield path

    def stamp(self, key: str) -> str | None:
        """Do as Store.stamp."""
        path = self._path(key)
        try:
            with self._words(key):
                info: dict[str, Any] = self._system.info(path)
        except Missing:
            return None
        known = [info.get(name) for name in ("ETag", "etag", "mtime", "LastModified", "last_modified", "created", "size")]
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]

    def use(self, key: str) -> bool:
        """Do as Store.use; nothing is noted, since nothing is swept there."""
        return self.stamp(key) is not None

    def remove(self, prefix: str) -> None:
        """Do as Store.remove."""
        path = self._path(prefix)
        with contextlib.suppress(Missing), self._words(prefix):
            self._system.rm(path, recursive=True)

    def names(self, prefix: str) -> list[str]:
        """Do as Store.names."""
        try:
            with self._words(prefix):
                found = self._system.ls(f"{self._root.rstrip('/')}/{prefix}", detail=False)
        except Missing:
            return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)
