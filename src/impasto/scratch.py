"""Long vectors on disk: mapped files without a name, which are gone with the process, however it ends.

What was read or written of them stays in the system's cache as long as there is room, so with enough memory the disk is not
waited for.  `rest` takes it out of the process's own memory, not out of that cache.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile
import weakref
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import OutputError


def is_possible() -> bool:
    """Whether this system lets go of mapped memory."""
    return hasattr(mmap, "MADV_DONTNEED") and getattr(ctypes.CDLL(None), "madvise", None) is not None


class Scratch:
    """Vectors in files in a folder; for the CPU."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._madvise = ctypes.CDLL(None).madvise
        self._madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._mapped: dict[int, int] = {}
        """Where our files begin in memory, and end."""

    def empty(self, numbers: int, like: Tensor) -> Tensor:
        """A vector [numbers] of that dtype, 0 at first.  Raises OutputError when the disk has not enough room."""
        size = numbers * like.element_size()
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                _reserve(file.fileno(), size)
                mapped = mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise OutputError(
                f"{size / 1e9:.1f} GB for work in progress cannot be had in {self.folder}: {error.strerror}; "
                f"make room there, write the picture elsewhere with -o, or allow more --memory",
                path=self.folder,
            ) from None
        vector = torch.frombuffer(mapped, dtype=like.dtype)
        begin = vector.data_ptr()
        self._mapped[begin] = begin + size
        weakref.finalize(mapped, self._mapped.pop, begin)
        return vector

    def rest(self, part: Tensor) -> None:
        """The pages that hold a contiguous part of a vector leave the process's memory; nothing of it is lost.

        Does nothing for tensors that are not ours, whose numbers would be lost.
        """
        begin, end = part.data_ptr(), part.data_ptr() + part.nbytes
        if any(first <= begin and end <= last for first, last in self._mapped.items()):
            begin = begin // mmap.PAGESIZE * mmap.PAGESIZE
            self._madvise(begin, end - begin, mmap.MADV_DONTNEED)


def _reserve(file: int, size: int) -> None:
    """Room for a whole file at once: a mapped one that grows into a full disk kills the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    block = bytes(1 << 20)
    for start in range(0, size, len(block)):
        os.write(file, block[: min(len(block), size - start)])
