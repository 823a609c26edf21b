"""Memory that a step frees is kept for the next one.

A step allocates and frees hundreds of MB in blocks so large that glibc gives each back to the system and asks for it anew; the
system then clears every page again, which is 8 % of a step at 512 px.  With these limits (mallopt(3)) the blocks stay.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGEST_KEPT: Final = (1 << 30, 32 << 20)
"""Bytes; older releases of glibc allow no more than the second."""
_NEVER: Final = 2**31 - 1


def keep_freed_memory() -> None:
    """For this whole process, so for programs, not for libraries to call; does nothing where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and any(mallopt(_M_MMAP_THRESHOLD, size) for size in _LARGEST_KEPT):
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
