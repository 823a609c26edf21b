"""A path in UTF-8 for libraries that take no other: safetensors refuses names that are bytes in another encoding."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OPEN_FILES: Final = ("/proc/self/fd", "/dev/fd")
"""Folders in which a system shows the files that this process has open, by number."""


@contextlib.contextmanager
def utf8_path(path: Path) -> Iterator[Path]:
    """Yield a path of the same file whose text is valid Unicode, good for reading inside the context.

    The path itself is yielded where that is Unicode already, or where the system has no other path for an open file.

    Raises:
        OSError: The file cannot be opened.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            shown_at = (Path(folder, str(file.fileno())) for folder in _OPEN_FILES)
            yield next((found for found in shown_at if found.exists()), path)
    else:
        yield path
