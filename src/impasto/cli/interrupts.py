"""Signals while there is work: the first one lets the work be saved, a second Ctrl-C or SIGTERM ends it at once.

A terminal that closes sends SIGHUP; batch systems announce the end of a job by SIGUSR1, SIGUSR2 or SIGXCPU (`--signal` of Slurm,
`-notify` of Grid Engine).  They save as Ctrl-C and SIGTERM do, except where they were ignored from the start, as under `nohup`.

One wish to end often arrives twice: `timeout` signals its child and then its whole group, and `npm` and `make` hand on the Ctrl-C
that the terminal sends to everybody.  So what comes within moments of the first signal is the same wish.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from impasto.ranks import is_first

_SAME_WISH_S: Final = 0.3
"""Seconds in which a signal that came twice counts once; nobody reads what was said and decides in so short a time."""

_TWICE_ENDS: Final = ("SIGINT", "SIGTERM", "SIGBREAK")
_POLITE: Final = (*_TWICE_ENDS, "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
"""Signals that ask a program to end; a system has some of them."""


@contextmanager
def interruptible(said: str = "stopping after this step, then saving") -> Iterator[list[int]]:
    """Collect the signals that arrive inside the context, each once; `said` is what the user is told."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if number in caught:  # while the first of its kind waits below
            return
        again = signal.Signals(number).name in _TWICE_ENDS
        if is_first() and not caught:
            _tell(f"\n{said}{'; again to stop at once' if again else ''}\n")
        caught.append(number)
        if again:
            time.sleep(_SAME_WISH_S)  # handlers run meanwhile
        # A closing terminal sends SIGHUP from the shell and from the system, and SIGXCPU comes every second.
        signal.signal(number, signal.SIG_DFL if again else signal.SIG_IGN)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may take signals
        yield caught
        return
    before = {number: signal.signal(number, note) for number in _taken()}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _taken() -> Iterator[int]:
    for name in _POLITE:
        number = getattr(signal, name, None)
        if number is None:
            continue
        before = signal.getsignal(number)
        # Shells start background commands with SIGINT ignored; `kill -INT` asks for an end all the same.
        if before is not None and (before is not signal.SIG_IGN or name == "SIGINT"):
            yield number


def _tell(text: str) -> None:
    """Write to standard error from within a signal handler: not through Python's stream, which may be at work just then."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
