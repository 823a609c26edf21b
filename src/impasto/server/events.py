"""Events for those who listen: one watcher for all, that looks only at what somebody listens to.

States come from the database, about once a second and with one query for all jobs at work; progress from the stamps of the files
that workers write.  A listener that is slow gets the latest of each kind, and never holds up others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

from impasto.errors import ImpastoError
from impasto.jobs import Job, Progress, Queue
from impasto.jobs.job import FINAL
from impasto.jobs.store import job_key
from impasto.server.describe import described, described_progress
from impasto.server.library import Library
from impasto.server.limits import Limits
from impasto.server.problems import busy

STATES_EVERY_S: Final = 1.0
PROGRESS_EVERY_S: Final = 0.5
MOST_JOBS: Final = 200
API: Final = "/api/v1"

Sees = Callable[[Job], bool]
Event = tuple[str, dict[str, Any]]
Told = tuple[Job, dict[str, Any]]
"""A job, and what is told of it."""


class Listener:
    """One open stream, of a job or of all (`job` is None)."""

    def __init__(self, job: str | None, owner: str, sees: Sees) -> None:
        self.job = job
        self.owner = owner
        self.sees = sees
        self.ended = False
        self._told: dict[str, str] = {}
        self._waiting: dict[tuple[str, str], dict[str, Any]] = {}
        self._wake = asyncio.Event()

    def wants(self, job: Job) -> bool:
        """Whether it is to hear of a job."""
        return self.sees(job) if self.job is None else self.job == job.id

    def tell_job(self, job: Job, data: dict[str, Any]) -> None:
        """That a job is as it is, unless it knows."""
        known = json.dumps({**data, "progress": None})
        if self._told.get(job.id) != known:
            self._told[job.id] = known
            self.tell("job", job.id, data)
        if self.job is not None and job.state in FINAL:
            self.end()

    def tell(self, event: str, job: str, data: dict[str, Any]) -> None:
        """An event, in the place of an older one of its kind."""
        self._waiting.pop((event, job), None)
        self._waiting[event, job] = data
        self._wake.set()

    def end(self) -> None:
        """There is nothing more to come."""
        self.ended = True
        self._wake.set()

    async def events(self) -> AsyncIterator[Event]:
        """Events, until there is nothing more to come."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                (event, _), data = next(iter(self._waiting.items()))
                del self._waiting[event, _]
                yield event, data
            if self.ended:
                return


class Hub:
    """Watches for all listeners; lives in the event loop, and asks the database and the store in threads."""

    def __init__(self, queue: Queue, library: Library, limits: Limits) -> None:
        self._queue = queue
        self._library = library
        self._limits = limits
        self._listeners: set[Listener] = set()
        self._active: dict[str, Job] = {}
        self._known: dict[str, Told] = {}
        self._stamps: dict[str, str | None] = {}
        self._previews: dict[str, int | None] = {}
        self._look = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._listeners)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watches while inside."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._repeat(self._states, STATES_EVERY_S, self._look))]
        tasks.append(asyncio.create_task(self._repeat(self._progress, PROGRESS_EVERY_S)))
        try:
            yield
        finally:
            self.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def join(self, job: str | None, owner: str, sees: Sees) -> Listener:
        """A new listener; to be left by `leave`.  Raises Problem where there are too many."""
        own = sum(listener.owner == owner for listener in self._listeners)
        if len(self._listeners) >= self._limits.streams or own >= self._limits.streams_per_token:
            raise busy("too many event streams are open; close some, or ask for the job itself from time to time")
        listener = Listener(job, owner, sees)
        self._listeners.add(listener)
        if self._closed:
            listener.end()
        return listener

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """Ends all streams; there are no new ones."""
        self._closed = True
        for listener in self._listeners:
            listener.end()

    def look_now(self) -> None:
        """Something changed: states are looked at without waiting.  From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._look.set)

    async def begin(self, listener: Listener) -> None:
        """Tells a new listener how things stand."""
        for job, data in await asyncio.to_thread(self._standing, listener.job):
            if listener.wants(job):
                listener.tell_job(job, data)
                if listener.job is not None and job.progress is not None and job.progress.preview_step is not None:
                    listener.tell("preview", job.id, _preview(job.id, job.progress.preview_step))

    def _standing(self, job: str | None) -> list[Told]:
        if job is not None:
            return self._described([self._queue.get(job)])
        return self._described(reversed(self._at_work()))

    def _at_work(self) -> list[Job]:
        """Those that wait or run, newest first; of very many that wait only the newest, since each takes time to tell of."""
        return [*self._queue.jobs(states=("queued",), limit=MOST_JOBS), *self._queue.jobs(states=("running",), limit=MOST_JOBS)]

    def _described(self, jobs: Iterable[Job]) -> list[Told]:
        """Each as clients see it, made anew where something changed."""
        found: list[Told] = []
        for job in jobs:
            known = self._known.get(job.id)
            if known is None or known[0] != job:
                known = (job, described(job, self._library).model_dump(mode="json"))
            found.append(known)
        return found

    async def _repeat(self, look: Callable[[], Any], every_s: float, sooner: asyncio.Event | None = None) -> None:
        sooner = asyncio.Event() if sooner is None else sooner
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(sooner.wait(), every_s)
            sooner.clear()
            if not self._listeners:
                self._active.clear()
                continue
            try:
                await look()
            except ImpastoError:
                pass  # the next look may go well
            except Exception:
                logging.getLogger("impasto.server").exception("watching for events failed")

    async def _states(self) -> None:
        alone = {listener.job for listener in self._listeners if listener.job is not None}
        found, gone = await asyncio.to_thread(self._look_at, alone | set(self._active))
        # A job that pauses is looked at until it has.
        self._active = {job.id: job for job, _ in found if job.state in {"queued", "running", "pausing"}}
        for listener in list(self._listeners):
            for job, data in found:
                if listener.wants(job):
                    listener.tell_job(job, data)
            if listener.job in gone:
                listener.end()

    def _look_at(self, others: set[str]) -> tuple[list[Told], set[str]]:
        """All jobs that wait or run, and these; and those of these that are not there any more."""
        found = {job.id: job for job in self._at_work()}
        others -= set(found)
        for job in self._queue.find(sorted(others)):
            found[job.id] = self._queue.get(job.id) if job.state == "queued" else job  # with its place in the queue
        told = self._described(found.values())
        self._known = {one[0].id: one for one in told}
        return told, others - set(found)

    async def _progress(self) -> None:
        listeners = list(self._listeners)
        watched = [job for job in self._active.values() if any(listener.wants(job) for listener in listeners)]
        changed = await asyncio.to_thread(self._changed, [job.id for job in watched if job.state != "queued"])
        for job in watched:
            progress = changed.get(job.id)
            if progress is None:
                continue
            data = described_progress(progress).model_dump(mode="json")
            fresh = self._previews.get(job.id) != progress.preview_step is not None
            self._previews[job.id] = progress.preview_step
            for listener in listeners:
                if listener.wants(job):
                    listener.tell("progress", job.id, data if listener.job is not None else {"id": job.id, **data})
                    if fresh and listener.job is not None and progress.preview_step is not None:
                        listener.tell("preview", job.id, _preview(job.id, progress.preview_step))
        for job_id in set(self._stamps) - {job.id for job in watched}:
            self._stamps.pop(job_id, None)
            self._previews.pop(job_id, None)

    def _changed(self, jobs: list[str]) -> dict[str, Progress]:
        """The progress of those whose file is another one than before."""
        found = {}
        for job in jobs:
            stamp = self._queue.store.stamp(job_key(job, "progress.json"))
            if stamp is not None and stamp != self._stamps.get(job):
                self._stamps[job] = stamp
                progress = self._queue.progress(job)
                if progress is not None:
                    found[job] = progress
        return found


def _preview(job: str, step: int) -> dict[str, Any]:
    return {"step": step, "url": f"{API}/jobs/{job}/preview?step={step}"}
