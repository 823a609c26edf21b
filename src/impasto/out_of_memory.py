"""Errors that mean that memory ran out: Python and each library say it in words of their own."""

from __future__ import annotations

import errno
import re
from typing import Final

_WORDS: Final = re.compile(
    r"out of memory"  # CUDA, MPS, SQLite
    r"|(not enough|insufficient|allocate|allocating|exhausted) memory|memory (allocation|exhausted)"  # PyTorch, MKL's transforms
    r"|defaultcpuallocator|bad_alloc|alloc_failed"  # PyTorch, C++, cuBLAS and cuDNN
    r"|(failed|unable) to allocate|alloc(ation)? fail"  # NumPy, decoders
    r"|failed to map segment from shared object(?!: (operation|permission))"  # the loader of libraries
    # oneDNN compiles its kernels when they are first needed, and says so when there is no room for one.
    r"|could not create a (primitive|memory)(?! desc)"
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out.

    >>> is_out_of_memory(RuntimeError("could not create a primitive"))
    True
    >>> is_out_of_memory(RuntimeError("could not create a primitive descriptor for a convolution"))
    False
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # PyTorch's own class of it is a RuntimeError with such a text; known by the text, it need not be loaded to be asked.
    return isinstance(error, Exception) and _WORDS.search(str(error).lower()) is not None
