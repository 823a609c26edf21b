"""Who of the processes is alive: each counts aloud in the rendezvous' store, and listens to the others.

A killed process breaks its connections at once, but a machine that freezes, or loses its cable, breaks none: those that wait for
it would wait for ever.  And a broken connection does not say whose fault it was.  So a thread counts twice a second, and takes a
process for gone that stood still for `SILENT` of its own counts.  (Counts rather than seconds, so that all processes may be
suspended together.)  A process that ends on purpose says so instead of its last number, with the reason where it failed.

Where the process cannot be told because it waits inside a library that knows no end, the thread ends it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from torch.distributed.distributed_c10d import Store

BEAT_S: Final = 0.5
SILENT: Final = 20
"""Counts, 10 s."""
_SUSPECT: Final = 5
"""Counts, when a connection broke already."""
GRACE_S: Final = 8.0
"""From knowing that one is gone to ending by force."""

_DONE: Final = "done"
_FAILED: Final = "failed "


def name(rank: int, count: int) -> str:
    """A process as users know it."""
    return f"process {rank + 1} of {count}"


class Watch:
    """Watches the other processes until it is ended."""

    def __init__(self, store: Store, *, rank: int, count: int, on_stuck: Callable[[str], object]) -> None:
        """`store`: used by nobody else, since it is asked in a thread; `on_stuck` is to end the process, with these words."""
        self._store = store
        self._rank, self._count = rank, count
        self._on_stuck = on_stuck
        self._others = [other for other in range(count) if other != rank]
        self._heard: dict[int, tuple[str, int]] = dict.fromkeys(self._others, ("", 0))
        self._lost: str | None = None
        self._over = threading.Event()
        self._number = 0
        self._say(str(self._number))
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def begin(self) -> None:
        """From here on; everybody must have made their watch before."""
        if self._others:
            self._thread.start()

    @property
    def lost(self) -> str | None:
        """Who is gone, in words; None while all are there."""
        return self._lost

    def explain(self, error: str) -> str:
        """Who is gone, waiting until that is known; `error`: what was noticed."""
        for _ in range(SILENT):
            if self._lost is None:
                silent = [other for other, (_, stood) in self._heard.items() if stood >= _SUSPECT]
                if silent:
                    self._lost = f"{name(silent[0], self._count)} is gone"
            if self._lost is not None:
                return self._lost
            time.sleep(BEAT_S)
        return f"the processes cannot talk to each other any more ({error})"

    def end(self, failure: str | None = None) -> None:
        """Stops watching, and tells the others why, if it is a failure."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(5 * BEAT_S)
        self._say(_DONE if failure is None else _FAILED + failure)

    def _say(self, text: str) -> None:
        try:
            self._store.set(self._key(self._rank), text)
        except RuntimeError:  # nobody is left to hear it
            return

    def _key(self, rank: int) -> str:
        return f"alive/{rank}"

    def _run(self) -> None:
        while not self._over.wait(BEAT_S):
            self._number += 1
            try:
                self._store.set(self._key(self._rank), str(self._number))
                said = self._store.multi_get([self._key(other) for other in self._others])
            except RuntimeError:
                self._lost = self._lost or self._without_store()
            else:
                self._hear([text.decode() for text in said])
            if self._lost is not None and not self._over.wait(GRACE_S):
                self._on_stuck(self._lost)
                return

    def _hear(self, said: list[str]) -> None:
        for other, text in zip(self._others, said, strict=True):
            before, stood = self._heard[other]
            stood = stood + 1 if text == before and text != _DONE else 0
            self._heard[other] = text, stood
            if self._lost is None and text.startswith(_FAILED):
                self._lost = text.removeprefix(_FAILED)
            elif self._lost is None and stood >= SILENT:
                self._lost = f"{name(other, self._count)} is gone"

    def _without_store(self) -> str:
        """The store is held by torchrun, or else by the first process."""
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == str(True):
            return "the torchrun that the processes meet at is gone"
        return f"{name(0, self._count)} is gone"
