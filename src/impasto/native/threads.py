"""Work on several threads at once, without PyTorch's: these leave Python's lock inside the library."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="native")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has the pool, but not its threads


def on_threads(work: Callable[[int], object], threads: int) -> None:
    """Do work(0), work(1), … at once, the first here; each leaves Python's lock inside the library.

    Where a thread cannot be started, its work is done here.  Returns, or raises, when all have ended: they read and write memory
    that the caller may free then.
    """
    if threads <= 1:
        work(0)
        return
    others = [_begun(work, at) for at in range(1, threads)]
    try:
        work(0)
        for at, other in enumerate(others, 1):
            if other is None:
                work(at)
    finally:
        _wait([other for other in others if other is not None])
    for other in others:
        if other is not None:
            other.result()


def _begun(work: Callable[[int], object], at: int) -> Future[object] | None:
    """Return the future of work(at) on a thread of the pool, or None where it was not begun."""
    given: Future[object] = Future()

    def begin() -> None:
        if given.set_running_or_notify_cancel():
            try:
                given.set_result(work(at))
            except BaseException as error:
                given.set_exception(error)

    try:
        _pool().submit(begin)
    except RuntimeError:
        # Python is shutting down, or the system starts no more threads.  In that case the pool has queued the work all the same,
        # and a thread that is there already may have taken it.
        return None if given.cancel() else given
    return given


def _wait(others: list[Future[object]]) -> None:
    """Wait until all have ended, also when a signal handler raises meanwhile."""
    try:
        wait(others)
    except BaseException:
        wait(others)
        raise
