"""Looks whether the data location is still the one that the server opened; a server whose data are gone for long ends.

Until then its API answers 503, so that no job is taken that the next start would not know of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from impasto.errors import ImpastoError, Unavailable
from impasto.jobs import Queue
from impasto.jobs.store import Folder
from impasto.server import vanished

EVERY_S: Final = 2.0
GRACE_S: Final = 60.0
"""For which a server waits that its data come back."""


class DataWatch:
    """The watch over one server's data."""

    def __init__(self, queue: Queue, end: Callable[[], object], *, every_s: float = EVERY_S, grace_s: float = GRACE_S) -> None:
        """Prepare it; `end` is called once, when the data are gone for good."""
        self._queue, self._end = queue, end
        self._every_s, self._grace_s = every_s, grace_s
        self.reason: str | None = None
        """Why the server ended, or None."""

    async def run(self) -> None:
        """Look from time to time, until the data are gone for good or this is cancelled."""
        log, gone_since = logging.getLogger("impasto.server"), None
        while self.reason is None:
            lost = await asyncio.to_thread(self._lost)
            if lost is None and gone_since is not None:
                log.warning("the data are back; jobs are taken again")
                gone_since = None
                await asyncio.to_thread(self._remember, gone=False)
            elif lost is not None and gone_since is None:
                log.error("%s (%s); no jobs are taken, and the server ends in %.0f s", lost, self._queue.store.url, self._grace_s)
                gone_since = time.monotonic()
                await asyncio.to_thread(self._remember, gone=True)
            elif gone_since is not None and time.monotonic() - gone_since > self._grace_s:
                self.reason = lost
                self._end()
            await asyncio.sleep(self._every_s)

    def _lost(self) -> str | None:
        """Return why the data are not the ones that were opened; a location that does not answer may come back by itself."""
        try:
            self._queue.check()
        except Unavailable as error:
            return str(error)
        except ImpastoError:
            return None
        return None

    def _remember(self, *, gone: bool) -> None:
        store = self._queue.store
        if isinstance(store, Folder):
            vanished.remember(store) if gone else vanished.forget(Path(store.url))
