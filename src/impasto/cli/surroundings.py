"""The surroundings that a command needs before PyTorch is loaded: a working folder, and threads that can be started.

Libraries end the whole program where these are missing, each in its own words.  MKL looks for its parts from the working folder.
OpenBLAS (NumPy's) and libgomp (PyTorch's) start threads for all cores, and the first interrupts the process, the second exits,
where one cannot be started: `ulimit -u`, a container's --pids-limit, or `ulimit -v`, since each thread reserves addresses.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Final

from impasto.errors import InputError

_ARENA_MAX: Final = -8
"""glibc's name for the number of its heaps (mallopt(3)); by default each thread gets one that reserves 64 MiB of addresses."""

_OTHERS: Final = 2
"""Threads beside those that compute: one that draws progress, and one to spare."""


def check_working_folder() -> None:
    """Raise InputError where the working folder is gone: no name of a file means anything then."""
    try:
        os.getcwd()  # noqa: PTH109 - before pathlib is needed
    except FileNotFoundError:
        raise InputError("the working folder was deleted; change to another one") from None
    except OSError as error:
        raise InputError(f"the working folder cannot be used ({error.strerror}); change to another one") from None


def fit_threads() -> None:
    """Let libraries that are loaded from now on start no more threads than the system allows; a user's own choice is kept."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # nothing here multiplies matrices by NumPy
    if _addresses_are_limited():
        _share_one_heap()
    wanted = _wanted()
    # PyTorch has a team of threads, and our own convolutions have another.
    found = 1 + max(0, _startable(2 * (wanted - 1) + _OTHERS) - _OTHERS) // 2
    if found < wanted:
        os.environ["OMP_NUM_THREADS"] = str(found)


def _wanted() -> int:
    """Return how many threads PyTorch would take at most."""
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _startable(most: int) -> int:
    """Return how many threads, up to `most`, can be there at once beside those that are."""
    end, begun = threading.Event(), list[threading.Thread]()
    try:
        for _ in range(most):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            begun.append(thread)
    except (RuntimeError, MemoryError):  # "can't start new thread"
        pass
    finally:
        end.set()
        for thread in begun:
            thread.join()
    return len(begun)


def _addresses_are_limited() -> bool:
    try:
        import resource
    except ImportError:
        return False
    return hasattr(resource, "RLIMIT_AS") and resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _share_one_heap() -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
