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
LARGEST_KEPT: Final = 32 << 20
"""Bytes; older releases of glibc allow no more."""
_LEAST_KEPT: Final = 1 << 20
_NEVER: Final = 2**31 - 1


_kept = 0
"""The largest blocks that this process keeps; 0 where it was never asked to."""


def keep_freed_memory() -> None:
    """For this whole process, so for programs, not for libraries to call; does nothing where there is no glibc."""
    global _kept  # noqa: PLW0603 - it says what was done to the process
    if _mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT):
        _mallopt(_M_TRIM_THRESHOLD, _NEVER)
        _kept = LARGEST_KEPT


def keep_less(*, little: bool) -> None:
    """Whether blocks from 1 MiB on are given back at once, where memory is short: a few per cent slower, but without holes.

    Does nothing where `keep_freed_memory` was not asked for.
    """
    if _kept > 0:
        _mallopt(_M_MMAP_THRESHOLD, _LEAST_KEPT if little else LARGEST_KEPT)
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _mallopt(what: int, value: int) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    return mallopt is not None and bool(mallopt(what, value))
