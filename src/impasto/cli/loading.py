"""While PyTorch is being loaded: Ctrl-C, and no search for garbage."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from impasto.cli.options import INTERRUPTED


@contextmanager
def loading() -> Iterator[None]:
    """Inside, Ctrl-C ends the program at once: libraries swallow KeyboardInterrupt while they are imported, and go on.

    What modules are made of is no garbage; looking for it among millions of objects takes a tenth of the time.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        os.write(2, b"impasto: interrupted\n")
        os._exit(INTERRUPTED)

    gc.disable()
    try:
        with _interrupted_by(end):
            yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _interrupted_by(end: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # `nohup` and the like ignore Ctrl-C
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
