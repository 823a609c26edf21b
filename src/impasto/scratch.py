"""Long vectors on disk: mapped files without a name, which are gone with the process, however it ends.

What was read or written of them stays in the system's cache as long as there is room, so with enough memory the disk is not
waited for.  `rest` takes it out of the process's own memory, not out of that cache.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import tempfile
import weakref
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from impasto.errors import OutputError
from impasto.out_of_memory import is_out_of_memory
from impasto.storage.text import shown

_CANNOT_RESERVE: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
"""Error numbers of file systems that can write a file, but not reserve room for it."""


def is_possible() -> bool:
    """Return whether this system lets go of mapped memory."""
    return hasattr(mmap, "MADV_DONTNEED") and getattr(ctypes.CDLL(None), "madvise", None) is not None


class Scratch:
    """Vectors in files in a folder; for the CPU."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep vectors in `folder`; None is the folder for temporary files, looked for when the first vector is asked for."""
        self._folder = folder
        self._madvise = ctypes.CDLL(None).madvise
        self._madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._mapped: dict[int, int] = {}
        """Where our files begin in memory, and end."""

    def empty(self, numbers: int, like: Tensor) -> Tensor:
        """Return a vector [numbers] of that dtype, 0 at first.

        Raises:
            OutputError: The disk has not enough room, or there is no folder to write to.
            MemoryError: The process has not enough addresses left.
        """
        size = numbers * like.element_size()
        place = self._folder
        try:
            place = Path(tempfile.gettempdir()) if place is None else place
            with tempfile.TemporaryFile(dir=place) as file:
                _reserve(file.fileno(), size)
                mapped = mmap.mmap(file.fileno(), size)
        except OSError as error:
            if is_out_of_memory(error):  # a limit of the process: the disk has room
                raise MemoryError(f"{size / 1e9:.1f} GB cannot be mapped") from None
            where = "any folder for temporary files" if place is None else shown(place)
            raise OutputError(
                f"{size / 1e9:.1f} GB for work in progress cannot be had in {where}: {error.strerror or error}; "
                f"make room there, write the picture elsewhere with -o, or allow more --memory",
                path=place,
            ) from None
        vector = torch.frombuffer(mapped, dtype=like.dtype)
        begin = vector.data_ptr()
        self._mapped[begin] = begin + size
        weakref.finalize(mapped, self._mapped.pop, begin)
        return vector

    def rest(self, part: Tensor) -> None:
        """Let the pages that hold a contiguous part of a vector leave the process's memory; nothing of it is lost.

        Does nothing for tensors that are not ours, whose numbers would be lost.
        """
        begin, end = part.data_ptr(), part.data_ptr() + part.nbytes
        if any(first <= begin and end <= last for first, last in self._mapped.items()):
            begin = begin // mmap.PAGESIZE * mmap.PAGESIZE
            self._madvise(begin, end - begin, mmap.MADV_DONTNEED)


def _reserve(file: int, size: int) -> None:
    """Take room for a whole file at once: a mapped one that grows into a full disk kills the process."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
            return
        except OSError as error:
            if error.errno not in _CANNOT_RESERVE:
                raise
    block = bytes(1 << 20)
    for start in range(0, size, len(block)):
        os.write(file, block[: min(len(block), size - start)])
