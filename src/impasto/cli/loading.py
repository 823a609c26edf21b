"""Ctrl-C while PyTorch is being loaded."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from impasto.cli.options import INTERRUPTED


@contextmanager
def loading() -> Iterator[None]:
    """Inside, Ctrl-C ends the program at once: libraries swallow KeyboardInterrupt while they are imported, and go on."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        os.write(2, b"impasto: interrupted\n")
        os._exit(INTERRUPTED)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # `nohup` and the like ignore Ctrl-C
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
