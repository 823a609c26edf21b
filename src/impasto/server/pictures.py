"""The client of the process that looks at pictures (pictures_process.py): starts it, asks it, and outlives it."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from impasto import errors
from impasto.errors import ImageTooLarge, ImpastoError, Unavailable, UnreadableImage
from impasto.server.problems import busy
from impasto.server.temporary import child_environment

MEMORY_BYTES: Final = 4 * 2**30
"""More than a process without pictures takes."""

START_S: Final = 60.0
LOOK_S: Final = 60.0
CONVERT_S: Final = 300.0
_WAITING: Final = 24
"""Requests that may wait for their turn: each holds one of the server's 40 threads."""

Kind = Literal["picture", "style"]


class Pictures:
    """One process, one request at a time.  Safe to use from several threads."""

    def __init__(
        self, *, memory_bytes: int = MEMORY_BYTES, look_s: float = LOOK_S, on_start: Callable[[], object] = lambda: None
    ) -> None:
        self._memory_bytes = memory_bytes
        self._look_s = look_s
        self._on_start = on_start
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_WAITING)
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._closed = False

    def warm_up(self) -> threading.Thread:
        """Starts the process in the background."""
        thread = threading.Thread(target=self._warm, name="pictures", daemon=True)
        thread.start()
        return thread

    def _warm(self) -> None:
        with contextlib.suppress(ImpastoError, Exception):
            self._ask(START_S, do="ready")

    def inspect(self, path: Path, *, name: str, max_pixels: int) -> dict[str, Any]:
        """kind, media, width, height of an uploaded file.  Raises UnreadableImage or ImageTooLarge."""
        return self._ask(self._look_s, do="inspect", path=str(path), name=name, max_pixels=max_pixels)

    def shrink(self, path: Path, out: Path, *, side: int) -> None:
        """Writes a small WebP of it.  Raises UnreadableImage or ImageTooLarge."""
        self._ask(self._look_s, do="shrink", path=str(path), out=str(out), side=side)

    def convert(self, path: Path, out: Path, *, extension: str, quality: int) -> None:
        """Writes a result in another format.  Raises OutputError for what the format cannot hold, or ImageTooLarge."""
        self._ask(CONVERT_S, do="convert", path=str(path), out=str(out), extension=extension, quality=quality)

    def close(self) -> None:
        """Ends the process."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            self._end_of(process)

    def _ask(self, limit_s: float, **request: Any) -> dict[str, Any]:
        with self._own_turn():
            process = self._running()
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = self._lines.get(timeout=limit_s)
            except queue.Empty:
                self._stop(process)
                raise UnreadableImage(f"the picture took longer than {limit_s:.0f} s to look at; shrink it") from None
            except OSError:
                line = None
            if line is None:
                self._stop(process)
                if self._closed:
                    raise Unavailable("the server is ending; try again in a moment")
                raise ImageTooLarge("the picture cannot be decoded within the memory that the server gives to one; shrink it")
        answer = json.loads(line)
        if "error" in answer:
            raise self._error(answer)
        return dict(answer["found"])

    @contextlib.contextmanager
    def _own_turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise busy("too many pictures are being looked at; try again in a moment")
        try:
            with self._turn:
                yield
        finally:
            self._waiting.release()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        if self._process is not None:
            self._stop(self._process)
        if self._closed:
            raise Unavailable("the server is ending; try again in a moment")
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "impasto.server.pictures_process", str(self._memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=child_environment(OMP_NUM_THREADS="1"),
        )
        self._process, self._lines = process, queue.SimpleQueue()
        threading.Thread(target=_read, args=(process, self._lines), name="pictures-reader", daemon=True).start()
        self._on_start()
        # Loading has a limit of its own.  An answer that comes after it must not be taken for that of the next request.
        line = None
        with contextlib.suppress(OSError, queue.Empty):
            assert process.stdin is not None
            process.stdin.write('{"do": "ready"}\n')
            process.stdin.flush()
            line = self._lines.get(timeout=START_S)
        if line is None:
            self._stop(process)
            raise Unavailable("the process that looks at pictures does not start; try again in a moment")
        return process

    def _stop(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        code = process.wait()
        self._end_of(process)
        self._process = None
        logging.getLogger("impasto.server").warning("the process that looks at pictures ended (%s)", code)

    def _end_of(self, process: subprocess.Popen[str]) -> None:
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()

    def _error(self, answer: dict[str, Any]) -> ImpastoError:
        kind = getattr(errors, answer["error"], None)
        if isinstance(kind, type) and issubclass(kind, ImpastoError) and kind is not errors.UnknownName:
            return kind(answer["message"], errno=answer.get("errno"))
        logging.getLogger("impasto.server").error("a picture could not be looked at: %s", answer["message"])
        return UnreadableImage("the picture cannot be read; copy or download it again, or convert it to PNG")


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)
