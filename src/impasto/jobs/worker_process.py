"""One worker as a child process; it is known when it got ready, and what it said last."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, Final

from impasto.storage.text import shown

READY: Final = b"ready"
"""The line on standard output by which a worker says that all it needs has started."""

TRY_AGAIN: Final = 75
"""The exit code of a worker whose database or data location does not answer now (EX_TEMPFAIL of sysexits.h)."""

_KEPT_LINES: Final = 200
_LONGEST: Final = 400


class WorkerProcess:
    """A worker that runs.  What it writes to standard error goes to ours, from the moment when it is ready."""

    def __init__(self, options: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            options: Options of `impasto worker`.
            environment: All of its environment.

        Raises:
            OSError: There is no memory, no process or no thread left for it.
        """
        # Without the working folder on its path (-P): a file random.py there would be taken for Python's own.
        # Not in our group: Ctrl-C is ours to take, and the worker's to be told of by a signal.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "impasto", "worker", *options],
            env=environment,
            cwd=_folder(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._given_up: str | None = None
        self._ready = threading.Event()
        self._held: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self._lock = threading.Lock()
        self._readers = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in ((self._await_ready, self._process.stdout), (self._pass_on, self._process.stderr))
        ]
        try:
            for reader in self._readers:
                reader.start()
        except RuntimeError as error:  # no thread can be started: without readers the worker would wait for them
            self._process.kill()
            self._process.wait()
            for stream in filter(None, (self._process.stdout, self._process.stderr)):
                stream.close()
            raise BlockingIOError(errno.EAGAIN, str(error)) from None

    @property
    def ready(self) -> bool:
        """True once it said that it is ready."""
        return self._ready.is_set()

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for its end, and return its exit code.  Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)

    def send_signal(self, number: int) -> None:
        """Send it a signal; one that has ended gets none."""
        with contextlib.suppress(OSError):
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def give_up(self, why: str) -> None:
        """End it at once; `ending` tells why."""
        self._given_up = why
        self.kill()

    def ending(self) -> str:
        """Return why it ended before it was ready: its last line, or its exit code; to be called after its end."""
        for reader in self._readers:
            reader.join(2.0)
        with self._lock:
            lines = [line.decode("utf-8", "replace").strip() for line in self._held]
        last = next((line for line in reversed(lines) if line != ""), "").removeprefix("impasto: ")
        code = self._process.returncode
        if self._given_up is not None:
            return self._given_up
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"it was ended by {name}{f' after {shown(last)[:_LONGEST]!r}' if last else ''}"
        return shown(last)[:_LONGEST] if last else f"it ended with exit code {code} and without a word"

    def told(self) -> bytes:
        """Return what it wrote to standard error before it was ready."""
        with self._lock:
            return b"".join(self._held)

    def _await_ready(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                if line.strip() == READY:
                    with self._lock:
                        self._ready.set()
                        pass_on(b"".join(self._held))
                        self._held.clear()

    def _pass_on(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._lock:
                    if self._ready.is_set():
                        pass_on(line)
                    else:
                        self._held.append(line)


def pass_on(text: bytes) -> None:
    """Write to our standard error; where that is full or gone, nothing is told and nothing ends."""
    with contextlib.suppress(OSError):
        while text:
            text = text[os.write(2, text) :]


def _folder() -> str | None:
    """Return where a worker starts: here, or at the root where our working folder was removed."""
    try:
        os.stat(os.getcwd())  # noqa: PTH109, PTH116 - the folder itself, not its path
    except OSError:
        return os.path.abspath(os.sep)  # noqa: PTH100
    return None
