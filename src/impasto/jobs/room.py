"""Room in a data folder: a disk that is full or read-only takes no job, and keeps no picture."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from impasto.files import output_error
from impasto.jobs.store import Folder, Store

_LEAST_BYTES: Final = 2**20
"""A disk with less room cannot take a job."""


def require_room(store: Store) -> None:
    """Raise OutputError where a data folder is read-only or its disk full; of a service nothing is known."""
    if not isinstance(store, Folder):
        return
    folder = Path(store.url)
    try:
        if not os.access(folder, os.W_OK):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if shutil.disk_usage(folder).free < _LEAST_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise output_error(folder, error) from None
