"""A look from time to time whether the data location is still the one that the server opened; without it the server ends.

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
"""Seconds for which a server waits that its data come back."""

_LOG: Final = logging.getLogger("impasto.server")


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
        gone_since: float | None = None
        while self.reason is None:
            try:
                gone_since = await self._looked(gone_since)
            except RuntimeError as error:  # no thread can be started for the moment
                _LOG.warning("nobody could look at the data location: %s", error)
            await asyncio.sleep(self._every_s)

    async def _looked(self, gone_since: float | None) -> float | None:
        """Look once; take and return the time by the monotonic clock, in seconds, since when the data are gone, or None."""
        lost, now = await asyncio.to_thread(self._lost), time.monotonic()
        if lost is None:
            if gone_since is not None:
                _LOG.warning("the data are back; jobs are taken again")
                await asyncio.to_thread(self._remember, gone=False)
            return None
        if gone_since is None:
            _LOG.error("%s (%s); no jobs are taken, and the server ends in %.0f s", lost, self._queue.store.url, self._grace_s)
            await asyncio.to_thread(self._remember, gone=True)
            return now
        if now - gone_since > self._grace_s:
            self.reason = lost
            self._end()
        return gone_since

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
