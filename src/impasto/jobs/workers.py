"""Which workers are alive: each one counts up in the data location; who does not for a while is dead, and its work is free.

A watcher compares what it reads with what it read before, by its own clock, so that clocks of machines need not agree.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Final

from impasto.jobs.store import Missing, Store

BEAT_S: Final = 2.0
"""Seconds between two beats."""

DEAD_AFTER_S: Final = 20.0
"""Seconds without a beat after which a worker counts as dead."""


def beat(store: Store, worker: str, count: int) -> None:
    """Says that a worker is alive."""
    store.write(f"workers/{worker}", json.dumps({"count": count, "time": time.time(), "process": os.getpid()}).encode())


def leave(store: Store, worker: str) -> None:
    """Says that a worker has ended, so that its work is free at once; not where another process has its name already."""
    if _last(store, worker).get("process") in {None, os.getpid()}:
        store.write(f"workers/{worker}", json.dumps({"ended": True, "time": 0}).encode())


def alive(store: Store, worker: str) -> bool:
    """Whether a worker (`NAME`, or `NAME PROCESS` of one start of it) beat lately, by this machine's clock: to show only."""
    name, _, process = worker.partition(" ")
    last = _last(store, name)
    return bool(abs(time.time() - last.get("time", 0)) < DEAD_AFTER_S) and process in {"", str(last.get("process"))}


def living(store: Store) -> list[str]:
    """The workers that beat lately."""
    return [worker for worker in store.names("workers") if alive(store, worker)]


def _last(store: Store, worker: str) -> dict[str, Any]:
    try:
        last = json.loads(store.read(f"workers/{worker}"))
    except (Missing, ValueError):
        return {}
    return last if isinstance(last, dict) else {}


class Watch:
    """Finds workers that died: those whose count did not change for DEAD_AFTER_S."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[str | None, float]] = {}

    def dead(self) -> list[str]:
        """Those of which it is known by now.  To be asked every few seconds."""
        now = time.monotonic()
        found = []
        names = self._store.names("workers")
        for worker in names:
            stamp = self._store.stamp(f"workers/{worker}")
            if _last(self._store, worker).get("ended"):
                found.append(worker)
                continue
            before = self._seen.get(worker)
            if before is None or before[0] != stamp:
                self._seen[worker] = (stamp, now)
            elif now - before[1] > DEAD_AFTER_S:
                found.append(worker)
        self._seen = {worker: seen for worker, seen in self._seen.items() if worker in names}
        return found

    def forget(self, worker: str) -> None:
        """Its work was taken over."""
        self._store.remove(f"workers/{worker}")
        self._seen.pop(worker, None)
