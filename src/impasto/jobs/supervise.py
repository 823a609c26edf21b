"""Workers as child processes: started, started again when they die, and asked to save before they end.

Supervision has an end: a worker that dies several times in a row before it is ready will not start at the next try either (a
broken installation, a limit of memory).  `Workers.failed` tells it, and further tries are rare.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final

from impasto.jobs.worker_process import TRY_AGAIN, WorkerProcess, pass_on

_AGAIN_S: Final = (0.0, 0.5, 2.0, 5.0)
"""Waits before a worker is started again, the more often it died in a row."""

_SETTLED_S: Final = 60.0
"""A worker that ran for so long did not die of its start."""

STARTS: Final = 3
"""A worker that died so often in a row before it was ready cannot start."""

_START_S: Final = 180.0
"""Seconds after which a worker that is not ready hangs; loading takes some seconds, on a slow network disk a minute."""

_RARELY_S: Final = 60.0
"""Seconds between two tries of a worker that cannot start."""

log = logging.getLogger("impasto.jobs")


class Workers:
    """Some workers of one queue, each a process of its own.  They end with this process, however it ends."""

    def __init__(
        self,
        store_url: str,
        database: str,
        *,
        mark: str | None = None,
        count: int = 1,
        threads: int | None = None,
        name: str = "local",
        segment_s: float | None = None,
        json_log: bool = False,
        on_failed: Callable[[str], object] = log.error,
    ) -> None:
        """Describe them; `start` starts them.

        Args:
            store_url: The data location.
            database: The queue's database.
            mark: The `Folder.mark` of the data location, so that a worker that is started while it is away makes no other one.
            count: How many.
            threads: Of each, for computing; None is as many as PyTorch likes.
            name: Begins the names of them.
            segment_s: Seconds between checkpoints.
            json_log: Their log as JSON lines.
            on_failed: Told once when none of them can start.
        """
        self._options = ["--data", store_url, "--parent", str(os.getpid())]
        self._options += [] if mark is None else ["--mark", mark]
        self._options += [] if segment_s is None else ["--checkpoint-every", str(segment_s)]
        self._options += ["--json-log"] if json_log else []
        self._database, self._count, self._threads, self._name = database, count, threads, name
        self._on_failed = on_failed
        self._processes: list[WorkerProcess | None] = [None] * count
        self._deaths = [0] * count
        self._unready = [0] * count
        self._again = [0.0] * count
        self._begun = [0.0] * count
        self._said = [b""] * count
        self._failed: str | None = None
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def failed(self) -> str | None:
        """Why no worker can start, in one line; None while one can, or is still being tried."""
        return self._failed

    def start(self) -> None:
        """Start them, and watch over them from then on."""
        self._watcher.start()

    def alive(self) -> int:
        """Return how many run now."""
        return sum(process is not None and process.poll() is None for process in self._processes)

    def stop(self, timeout_s: float = 60.0) -> None:
        """Ask them to save and end, and wait; end those that do not in time."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=5)
        until = time.monotonic() + timeout_s
        for process in self._processes:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            if process is not None:
                try:
                    process.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            for at in range(self._count):
                self._look(at)
            self._stopping.wait(0.3)

    def _look(self, at: int) -> None:
        process, now = self._processes[at], time.monotonic()
        if process is not None:
            if process.ready:
                self._unready[at], self._failed = 0, None
            if process.poll() is None:
                if not process.ready and now - self._begun[at] > _START_S:
                    process.give_up(f"it was not ready within {_START_S:.0f} s")
                return
            self._processes[at] = None
            self._ended(at, process, now)
        if now >= self._again[at] and not self._stopping.is_set():
            try:
                self._processes[at], self._begun[at] = self._started(at), now
            except OSError as error:  # no memory or no processes left for the moment
                self._again[at] = now + _AGAIN_S[-1]
                self._cannot_start(at, error.strerror or str(error))

    def _ended(self, at: int, process: WorkerProcess, now: float) -> None:
        """Note that a worker ended, and when it is started again."""
        self._deaths[at] = 0 if now - self._begun[at] > _SETTLED_S else self._deaths[at]
        self._again[at] = now + _AGAIN_S[min(self._deaths[at], len(_AGAIN_S) - 1)]
        self._deaths[at] += 1
        if process.ready:
            return
        why, said = process.ending(), process.told()
        if process.poll() == TRY_AGAIN:  # a service that does not answer is waited for
            if said != self._said[at]:
                pass_on(said)
            self._said[at] = said
            return
        if os.environ.get("IMPASTO_DEBUG"):
            pass_on(said)
        self._cannot_start(at, why)

    def _cannot_start(self, at: int, why: str) -> None:
        self._unready[at] += 1
        if self._unready[at] >= STARTS:
            self._again[at] = time.monotonic() + _RARELY_S
        if self._failed is None and all(count >= STARTS for count in self._unready):
            self._failed = f"no worker can start, after {STARTS} tries: {why}"
            with contextlib.suppress(Exception):  # telling ends nothing
                self._on_failed(self._failed)

    def _started(self, at: int) -> WorkerProcess:
        environment = {
            **os.environ,
            "IMPASTO_DATABASE": self._database,
        }  # it may hold a password, and commands are for all to see
        if self._threads is not None:
            environment["OMP_NUM_THREADS"] = str(self._threads)
        return WorkerProcess([*self._options, "--name", f"{self._name}-{at + 1}"], environment)
