"""Work on several threads at once, without PyTorch's: these leave Python's lock inside the library."""

from __future__ import annotations

import contextlib
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
    """work(0), work(1), … at once, the first here; each leaves Python's lock inside the library.

    Returns, or raises, when all have ended: they read and write memory that the caller may free then.
    """
    if threads <= 1:
        work(0)
        return
    others: list[Future[object]] = []
    with contextlib.suppress(RuntimeError):  # Python is shutting down and starts no more threads
        others.extend(_pool().submit(work, at) for at in range(1, threads))
    try:
        for at in (0, *range(len(others) + 1, threads)):
            work(at)
    finally:
        _wait(others)
    for other in others:
        other.result()


def _wait(others: list[Future[object]]) -> None:
    """Until all have ended, also when a signal handler raises meanwhile."""
    try:
        wait(others)
    except BaseException:
        wait(others)
        raise
