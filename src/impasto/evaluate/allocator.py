"""Memory that a step frees is kept for the next one.

A step allocates and frees hundreds of MB in blocks so large that glibc gives many back to the system and asks for them anew; the
system then clears every page again.  With these limits (mallopt(3)) blocks up to 32 MiB stay, which are those of pictures up to
about 512 px: there steps are faster, and as fast as what was tried out before the run.  Larger blocks go back, since what is kept
of them would leave holes.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGEST_KEPT: Final = 32 << 20
"""Bytes; older releases of glibc allow no more."""
_NEVER: Final = 2**31 - 1


def give_back_freed_memory() -> None:
    """What is kept goes back to the system: between tiles, whose blocks of other sizes would not fit into what these left."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)


def keep_freed_memory() -> None:
    """For this whole process, so for programs, not for libraries to call; does nothing where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT):
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
