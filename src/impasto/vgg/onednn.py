"""PyTorch's convolutions on the CPU where memory may not be made executable.

PyTorch computes most of them by oneDNN, which compiles its kernels when they are first needed and so writes memory that it then
executes.  Hardened services forbid that (systemd's MemoryDenyWriteExecute, SELinux without execmem); oneDNN then fails with
"could not create a primitive".  PyTorch has slower convolutions that need no compiler.
"""

from __future__ import annotations

import mmap
from functools import cache

import torch


@cache
def may_execute_written_memory() -> bool:
    """Return whether this process may execute memory that it wrote; True where the system cannot be asked."""
    if not hasattr(mmap, "PROT_EXEC"):
        return True
    try:
        mmap.mmap(
            -1,
            mmap.PAGESIZE,
            flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
            prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC,
        ).close()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def leave_out_where_it_fails() -> None:
    """Turn oneDNN off in this process where it could not run at all; PyTorch's other convolutions take its place."""
    if not may_execute_written_memory():
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # a property of the module
