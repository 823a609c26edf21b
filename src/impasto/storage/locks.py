"""One lock for all rooms: a file that at most one process holds at a time.

A lock is an aid against two programs in one place.  Some file systems have none (SMB answers EOPNOTSUPP, NFS without lockd
ENOLCK).  A marker file with the process number of its holder takes its place there; where that fails too, there is no lock.
"""

from __future__ import annotations

import contextlib
import errno
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

_NOT_SUPPORTED: Final = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL})


class Held(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def held(path: Path, *, remove: bool = True) -> Iterator[None]:
    """Hold the lock file at `path` inside the context.

    Args:
        path: The lock file; its folder must exist.
        remove: Delete the lock file at the end.

    Raises:
        Held: Another process holds it.
        OSError: The file cannot be created, for another reason than that the file system has no locks.
    """
    lock = _acquired(path)
    try:
        yield
    finally:
        # Before the release: afterwards the file could be the next holder's.
        if remove:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        if lock is not None:
            with contextlib.suppress(OSError):
                lock.release()


def _acquired(path: Path) -> BaseFileLock | None:
    """Return the lock held, or None where the file system offers none of any kind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # filelock warns where it falls back by itself
            lock = FileLock(path, blocking=False)
            lock.acquire()
        return lock
    except Timeout:
        raise Held(path) from None
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:  # the lock that failed left it; a marker of another process is never empty
            path.unlink()
    marker = SoftFileLock(path, blocking=False)
    try:
        marker.acquire()
    except Timeout:
        raise Held(path) from None
    except OSError:
        return None
    return marker
