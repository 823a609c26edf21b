"""Ctrl-C and SIGTERM while there is work: noted the first time, so that it can be saved; a second one ends it at once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from impasto.ranks import is_first


@contextmanager
def interruptible(said: str = "stopping after this step, then saving") -> Iterator[list[int]]:
    """Collects them; `said`: what the user is told."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        caught.append(number)
        signal.signal(number, signal.SIG_DFL)
        if is_first():
            print(f"\n{said}; again to stop at once", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
