"""Workers as child processes: started, started again when they die, and asked to save before they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Final

_AGAIN_S: Final = (0.0, 0.5, 2.0, 5.0)
"""Waits before a worker is started again, the more often it died in a row."""

_SETTLED_S: Final = 60.0
"""A worker that ran for so long did not die of its start."""


class Workers:
    """Some workers of one queue, each a process of its own.  They end with this process, however it ends."""

    def __init__(
        self,
        store_url: str,
        database: str,
        *,
        count: int = 1,
        threads: int | None = None,
        name: str = "local",
        segment_s: float | None = None,
        json_log: bool = False,
    ) -> None:
        """`threads`: of each, for computing; None is as many as PyTorch likes.  `name`: begins the names of them.

        `segment_s`: seconds between checkpoints; `json_log`: their log as JSON lines.
        """
        self._options = [] if segment_s is None else ["--checkpoint-every", str(segment_s)]
        self._options += ["--json-log"] if json_log else []
        self._store_url, self._database, self._count, self._threads = store_url, database, count, threads
        self._name = name
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count
        self._deaths = [0] * count
        self._again = [0.0] * count
        self._begun = [0.0] * count
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Starts them, and watches over them from then on."""
        self._watcher.start()

    def alive(self) -> int:
        """How many run now."""
        return sum(process is not None and process.poll() is None for process in self._processes)

    def stop(self, timeout_s: float = 60.0) -> None:
        """Asks them to save and end, and waits; ends those that do not in time."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=5)
        until = time.monotonic() + timeout_s
        for process in self._processes:
            if process is not None and process.poll() is None:
                with contextlib.suppress(OSError):
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
            if process.poll() is None:
                return
            self._processes[at] = None
            self._deaths[at] = 0 if now - self._begun[at] > _SETTLED_S else self._deaths[at]
            self._again[at] = now + _AGAIN_S[min(self._deaths[at], len(_AGAIN_S) - 1)]
            self._deaths[at] += 1
        if now >= self._again[at]:
            try:
                self._processes[at], self._begun[at] = self._started(at), now
            except OSError:  # no memory or no processes left for the moment
                self._again[at] = now + _AGAIN_S[-1]

    def _started(self, at: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "impasto", "worker", "--data", self._store_url]
        command += ["--name", f"{self._name}-{at + 1}", "--parent", str(os.getpid())]
        command += self._options
        environment = {
            **os.environ,
            "IMPASTO_DATABASE": self._database,
        }  # it may hold a password, and commands are for all to see
        if self._threads is not None:
            environment["OMP_NUM_THREADS"] = str(self._threads)
        # Not in our group: Ctrl-C is ours to take, and theirs to be told of by `stop`.
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
