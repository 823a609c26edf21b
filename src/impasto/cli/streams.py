"""Standard output and standard error as the commands need them.

Names of files are bytes: standard output gives them back as they are, whatever the terminal's encoding.  Standard error only
tells: writing to it never fails, so a reader who went away (`2>&1 | head`) or a full log disk neither ends nor changes the work.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

from impasto.errors import ImpastoError
from impasto.storage.text import shown

_NAMES: Final = "impasto.names"
"""The error handler of our streams: bytes of names come back as they are, all else that an encoding lacks as \\x, \\u or \\U."""


class StandardOutputFailed(ImpastoError):
    """Standard output cannot take what a command printed: its disk is full, say."""


class Results:
    """Standard output: what a command was asked for, so that failing to write it is an error, and known as this one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text; raise StandardOutputFailed, or BrokenPipeError where the reader went away."""
        with _failing():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream; raise as `write` does."""
        with _failing():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StandardOutputFailed(f"standard output cannot be written: {str(error.strerror).lower()}") from None


class Telling:
    """A text stream for telling: what cannot be written is not told."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text if that is possible; return its length."""
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines if that is possible."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream if that is possible."""
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Make both streams ours inside the context, and leave nothing in their buffers that could fail when Python ends.

    Raises:
        StandardOutputFailed: Standard output cannot take what a command printed.
        BrokenPipeError: The reader of standard output went away.
    """
    codecs.register_error(_NAMES, _name_bytes)
    out, err = sys.stdout, sys.stderr
    ready_out, ready_err = _ready(out), _ready(err)
    sys.stdout, sys.stderr = Results(ready_out), Telling(ready_err)
    try:
        yield
        sys.stdout.flush()
    finally:
        _emptied(ready_out)
        _emptied(ready_err)
        sys.stdout, sys.stderr = out, err


def tell_result(text: object) -> None:
    """Print what a command made; whether anybody can read it does not change how the command ends.

    A terminal gets no control characters of names; a pipe or a file gets the bytes of names as they are.
    """
    try:
        print(shown(text) if sys.stdout.isatty() else text, flush=True)
    except (OSError, ValueError, StandardOutputFailed):
        _emptied(sys.stdout)


def _ready(stream: TextIO | None) -> TextIO:
    if stream is None:  # a program without a console, as pythonw
        return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        with contextlib.suppress(OSError, ValueError):
            # What is redirected is read by programs, which expect UTF-8; Windows would write the code page of old consoles.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=_NAMES)
    return stream


def _name_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError):
        begin, letter = error.start, ord(error.object[error.start])
        if os.name != "nt" and 0xDC80 <= letter <= 0xDCFF:  # a byte that was no UTF-8, as os.fsdecode keeps it
            return bytes([letter - 0xDC00]), begin + 1
        width = ("x", 2) if letter < 0x100 else ("u", 4) if letter < 0x10000 else ("U", 8)
        return f"\\{width[0]}{letter:0{width[1]}x}", begin + 1
    raise error


def _emptied(stream: TextIO) -> None:
    """Flush a stream; where that fails, send the rest to the null device, so that ending Python does not fail over it."""
    try:
        stream.flush()
    except (OSError, ValueError, StandardOutputFailed):
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            stream.flush()
