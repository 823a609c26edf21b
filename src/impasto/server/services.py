"""The parts that the routes work with, put together once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from impasto.jobs import Job, Queue, State, Store
from impasto.jobs.queue import UnknownJob
from impasto.jobs.request import Request as JobRequest
from impasto.jobs.supervise import Workers
from impasto.jobs.sweep import sweep
from impasto.server.access import Access
from impasto.server.derived import Derived
from impasto.server.describe import described
from impasto.server.estimates import Estimates
from impasto.server.events import Hub
from impasto.server.leftovers import sweep_leftovers
from impasto.server.library import Library
from impasto.server.limits import Limits
from impasto.server.metrics import Metrics
from impasto.server.pictures import Pictures
from impasto.server.problems import Problem
from impasto.server.replies import JobReply
from impasto.server.samples import Placed


class Services:
    """Everything that the routes of one server work with."""

    def __init__(
        self, queue: Queue, *, access: Access | None = None, limits: Limits | None = None, pictures: Pictures | None = None
    ) -> None:
        self.queue = queue
        self.store: Store = queue.store
        self.access = Access() if access is None else access
        self.limits = Limits() if limits is None else limits
        self.metrics = Metrics()
        self.pictures = Pictures(on_start=self.metrics.picture_processes.inc) if pictures is None else pictures
        self.library = Library(self.store, self.pictures, self.limits)
        self.derived = Derived(self.store, self.pictures)
        self.samples = Placed(self.library)
        self.estimates = Estimates(self.store)
        self.hub = Hub(queue, self.library, self.limits)
        self.uploading = threading.BoundedSemaphore(self.limits.uploads)
        self.workers: Workers | None = None
        """The workers that this server started, or None."""

        self._submitting = threading.Lock()

    def sees(self, owner: str, job: Job) -> bool:
        """Return whether a job is shown to an owner: with several tokens only to its own one."""
        return not self.access.several or job.owner == owner

    def job(self, job: str, owner: str) -> Job:
        """Return a job that the owner may see.  Raises UnknownJob."""
        found = self.queue.get(job)
        if not self.sees(owner, found):
            raise UnknownJob(f"there is no job {job}")
        return found

    def jobs(self, owner: str, *, states: Sequence[State], limit: int, before: str | None) -> list[Job]:
        """Return jobs that an owner may see, newest first."""
        return self.queue.jobs(states=states, owner=owner if self.access.several else None, limit=limit, before=before)

    def submit(
        self, request: JobRequest, owner: str, *, job: str | None = None, priority: int, facts: Mapping[str, Any] | None = None
    ) -> Job:
        """Put a job on the queue.  Raises Problem where the owner has too many there."""
        return self.in_room(owner, lambda: self.queue.submit(request, job=job, owner=owner, priority=priority, facts=facts))

    def in_room(self, owner: str, submit: Callable[[], Job]) -> Job:
        """Call `submit`, one at a time, and return the job that it made.  Raises Problem where the owner has too many."""
        with self._submitting:
            self.require_room(owner)
            made = submit()
        self.metrics.submitted.inc()
        self.hub.look_now()
        return self.queue.get(made.id)  # with its place in the queue

    def require_room(self, owner: str) -> None:
        """Raise Problem where the owner has too many jobs on the queue."""
        most = self.limits.queue
        if self.queue.count(states=("queued", "running"), owner=owner, most=most) >= most:
            raise Problem(
                429,
                "queue_full",
                f"{most} jobs wait or run already; wait for one, or cancel one",
                headers={"Retry-After": "30"},
            )

    def sweep(self) -> int:
        """Remove files that no job names and nobody used for long; return how many.  Raises Unavailable or OutputError."""
        count = 0
        for sha256 in sweep(self.queue, unused_s=3600 * self.limits.unused_hours, but=self.samples.placed()):
            self.library.forget(sha256)
            self.derived.forget(sha256)
            count += 1
        sweep_leftovers(self.queue)
        return count

    def described(self, job: Job) -> JobReply:
        """Return a job as clients see it."""
        return described(job, self.library)


def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


def _require_data(request: Request) -> None:
    """Raise Unavailable where the data location is not the one that was opened."""
    _services(request).queue.check()


def _owner(request: Request) -> str:
    """Return the owner that the gate found; it lets nobody else in."""
    return str(request.scope["state"]["owner"])


JOB_ID = r"^[0-9a-f]{1,64}$"

Here = Annotated[Services, Depends(_services)]
Owner = Annotated[str, Depends(_owner)]
DATA = Depends(_require_data)
"""For routes that read or write jobs and files."""

JobId = Annotated[str, Path(pattern=JOB_ID, description="a job's id")]
FileHash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="a file's id: the SHA-256 of its bytes")]
