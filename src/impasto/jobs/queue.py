"""The queue that submitters and watchers see, on DBOS: jobs are its workflows, kept in SQLite or PostgreSQL.

A job's state is the workflow's, with one word of our own beside it (`hold`): whether a cancelled workflow is to be gone on with
(paused) or not.  The queue never waits for a database that does not answer: it raises Unavailable.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import dbos
from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import InputError, Unavailable
from impasto.jobs.database import QUEUE, VERSION, WORKFLOW, database_file, database_url, prepared
from impasto.jobs.job import Failure, Job, Made, Progress, State
from impasto.jobs.request import Request, parse_request
from impasto.jobs.store import Folder, Missing, Store, file_key, job_key, keep_file
from impasto.jobs.workers import alive

T = TypeVar("T")

_STATUSES: Final[Mapping[State, tuple[str, ...]]] = {
    "queued": ("ENQUEUED", "DELAYED"),
    "running": ("PENDING",),
    "pausing": ("CANCELLED",),
    "paused": ("CANCELLED",),
    "cancelled": ("CANCELLED",),
    "finished": ("SUCCESS",),
    "failed": ("SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"),
}
_PAGE: Final = 200
MOST_PLACES: Final = 500
"""Beyond so many waiting jobs their places are not told: each submission would cost the time to list them all."""


class UnknownJob(InputError):
    """There is no job of that id."""


class Conflict(InputError):
    """What was asked for does not fit the state that the job is in, or an id that another request has."""


class Queue:
    """Submits, lists, pauses, continues, cancels and deletes jobs.  Safe to use from several threads."""

    def __init__(self, store: Store, database: str | None = None) -> None:
        """`database`: a PostgreSQL or SQLite URL; None is a file in the store's folder.  Raises InputError or Unavailable."""
        self.store = store
        self.database = database_url(store, database)
        self._client = answered(lambda: prepared(self.database))
        # The databases that ever had jobs here, by their hashes: URLs may hold passwords.
        self._mark = hashlib.sha256(self.database.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        if isinstance(store, Folder):
            store.write(f"databases/{self._mark}", b"")
        self._file = database_file(self.database)
        self._opened = _identity(self._file)

    def check(self) -> None:
        """Raise Unavailable where the paths do not hold the files and the queue that were opened.

        An open SQLite file goes on working after its path was moved or removed; what it is given then is lost to the next start.
        """
        self.store.check()
        if self._opened is not None and _identity(self._file) != self._opened:
            raise Unavailable("the queue's file was moved, removed or replaced while it was in use; put it back where it was")

    @property
    def alone(self) -> bool:
        """Whether no other database ever had jobs whose files are here."""
        return self.store.names("databases") == [self._mark]

    def close(self) -> None:
        """Give up the connections."""
        self._client.destroy()

    def submit(
        self,
        request: Request,
        *,
        job: str | None = None,
        owner: str = "",
        priority: int = 100,
        facts: Mapping[str, Any] | None = None,
    ) -> Job:
        """Put a job on the queue; it is safe there when this returns.

        `job`: an id of hexadecimal digits; a second submission with it changes nothing, and gives the first one's job.
        Raises Conflict when that was of another request, and Missing when a file of the request is not in the store.
        """
        self.check()
        for _, ref in request.roles():
            self._require(ref.sha256)
        job = uuid.uuid4().hex if job is None else job
        options: dbos.EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": job,
            "workflow_id_reuse_policy": "return-existing",
            "app_version": VERSION,
            "priority": priority,
            "authenticated_user": owner,
            "attributes": {"hold": None, "active": None, "facts": dict(facts or {})},
        }
        answered(lambda: self._client.enqueue(options, request.text()))
        (made,) = self.find([job])
        if made.request.digest() != request.digest():
            raise Conflict(f"the id {job} is that of another job; use another idempotency key for another picture")
        return made

    def _require(self, sha256: str) -> None:
        if not self.store.use(file_key(sha256)):
            raise Missing(f"there is no file {sha256[:12]}… here; send it first")

    def get(self, job: str) -> Job:
        """The job of an id, with its progress.  Raises UnknownJob."""
        found = answered(lambda: self._client.list_workflows(workflow_ids=[job], name=WORKFLOW))
        if not found:
            raise UnknownJob(f"there is no job {job}")
        one = self._job(found[0])
        return replace(one, position=self._positions().get(job)) if one.state == "queued" else one

    def find(self, jobs: Sequence[str]) -> list[Job]:
        """Return those of the jobs that there are, in no order, without their places in the queue."""
        found = []
        for at in range(0, len(jobs), _PAGE):
            some = list(jobs[at : at + _PAGE])
            rows = answered(partial(self._client.list_workflows, workflow_ids=some, name=WORKFLOW))
            # Of what waits there is no progress: thousands of files that are not there would be asked for.
            found += [self._job(row, look=row.status not in _STATUSES["queued"]) for row in rows]
        return found

    def jobs(
        self,
        *,
        states: Sequence[State] = (),
        owner: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> list[Job]:
        """The newest first; `before`: those behind that one; without `states` all.  Raises UnknownJob for `before`."""
        until = None if before is None else self.get(before).created
        # The one to go on behind may have another state by now, so then all are looked at until it is met.
        statuses = None if before is not None else sorted({status for state in states for status in _STATUSES[state]}) or None
        earlier = self._positions()
        found: list[Job] = []
        passed = before is None
        for offset in itertools.count(0, _PAGE):
            rows = answered(
                partial(
                    self._client.list_workflows,
                    name=WORKFLOW,
                    status=statuses,
                    user=owner,
                    end_time=None if until is None else until.isoformat(),
                    sort_desc=True,
                    limit=_PAGE,
                    offset=offset,
                )
            )
            for row in rows:
                if not passed:
                    passed = row.workflow_id == before
                    continue
                job = self._job(row)
                if not states or job.state in states:
                    found.append(job)
            if len(rows) < _PAGE or len(found) >= limit:
                break
        # Once more, since one that was found may have come meanwhile; or gone.
        positions = earlier | self._positions()
        return [replace(job, position=positions.get(job.id)) for job in found[:limit]]

    def count(self, *, states: Iterable[State], owner: str | None = None, most: int | None = None) -> int:
        """Return how many jobs are in those states; at `most` so many are counted, where it is given."""
        statuses = sorted({status for state in states for status in _STATUSES[state]})
        rows = answered(
            lambda: self._client.list_workflows(
                name=WORKFLOW,
                status=statuses,
                user=owner,
                limit=most,
                load_input=False,
                load_output=False,
            )
        )
        return len(rows)

    def inputs(self) -> set[str]:
        """Return the hashes of all files that jobs name, whatever their state.  Raises Unavailable where one cannot be read."""
        # In one answer: in pages, a job that is deleted meanwhile would push another one over the edge of one.
        rows = answered(lambda: self._client.list_workflows(name=WORKFLOW, load_output=False))
        try:
            given = [{"args": ()} if row.input is None else row.input for row in rows]
            requests = [Request.from_text(one["args"][0]) for one in given]
        except (ValueError, TypeError, LookupError) as error:
            raise Unavailable(f"a job's request cannot be read: {error}") from None
        return {ref.sha256 for request in requests for _, ref in request.roles()}

    def pause(self, job: str) -> Job:
        """Stops it after the step it is in; what it has is kept.  Raises UnknownJob, or Conflict when it is at an end."""
        return self._stop(job, "pause")

    def cancel(self, job: str) -> Job:
        """As `pause`, without the intent to go on."""
        return self._stop(job, "cancel")

    def _stop(self, job: str, hold: str) -> Job:
        state = self.get(job).state
        if state in {"finished", "failed"}:
            raise Conflict(f"the job is {state}, so there is nothing to {hold}")
        answered(lambda: self._client.update_workflow_attributes(job, {"hold": hold}, merge=True))
        answered(lambda: self._client.cancel_workflow(job))
        return self.get(job)

    def resume(self, job: str) -> Job:
        """Goes on with a paused or cancelled job, from where it was.  Raises UnknownJob or Conflict."""
        state = self.get(job).state
        if state in {"finished", "failed"}:
            raise Conflict(f"the job is {state}; repeat it, or ask for more iterations")
        if state in {"queued", "running"}:
            return self.get(job)
        answered(lambda: self._client.update_workflow_attributes(job, {"reason": None}, merge=True))
        answered(lambda: self._client.resume_workflow(job, queue_name=QUEUE))
        return self.get(job)

    def delete(self, job: str) -> None:
        """Removes a job and its files; its inputs stay until they are swept.

        Raises UnknownJob, or Conflict while it is waited for or at work.
        """
        state = self.get(job).state
        if state in {"queued", "running", "pausing"}:
            raise Conflict(f"the job is {state}; cancel it first")
        answered(lambda: self._client.delete_workflow(job))
        self.store.remove(job_key(job))

    def more(self, job: str, iterations: int, *, owner: str = "") -> Job:
        """A new job that goes on from a finished one's picture, at its size.  Raises UnknownJob, Conflict or InvalidSettings."""
        parent = self.get(job)
        if parent.made is None:
            raise Conflict(f"the job is {parent.state}; there is more to do only for a finished picture")
        picture = keep_file(self.store, self.store.read(job_key(job, "result.png")))
        values = parent.request.model_dump()
        name = parent.request.name or "picture"
        values |= {"start": {"sha256": picture, "name": name[:200]}, "parent": job}
        values["settings"] = {**values["settings"], "iterations": iterations, "levels": 1}
        return self.submit(parse_request(values), owner=owner, priority=parent.priority)

    def repeat(self, job: str, changes: Mapping[str, Any], *, name: str | None = None, owner: str = "") -> Job:
        """A new job of the same files, some settings changed (None: as by default).  Raises UnknownJob or InvalidSettings."""
        parent = self.get(job)
        values = parent.request.model_dump()
        settings = {**values["settings"], **changes}
        values |= {"settings": {key: value for key, value in settings.items() if value is not None}, "parent": job}
        values |= {} if name is None else {"name": name}
        return self.submit(parse_request(values), owner=owner, priority=parent.priority)

    def ready(self) -> None:
        """Ask the database for an answer.  Raises Unavailable."""
        self.count(states=("running",), most=1)

    def _positions(self) -> dict[str, int]:
        """Return the places, from 1, of all jobs that wait, by their ids; none where more than MOST_PLACES wait."""
        rows = answered(
            lambda: self._client.list_queued_workflows(
                queue_name=QUEUE, status=["ENQUEUED", "DELAYED"], limit=MOST_PLACES + 1, load_input=False, load_output=False
            )
        )
        if len(rows) > MOST_PLACES:
            return {}
        rows.sort(key=lambda row: (row.priority or 0, row.created_at or 0))
        return {row.workflow_id: at for at, row in enumerate(rows, 1)}

    def _job(self, row: dbos.WorkflowStatus, *, look: bool = True) -> Job:
        attributes = row.attributes or {}
        output = row.output if isinstance(row.output, dict) else {}
        state = _state(row.status, attributes, output, self.store)
        failure = output.get("failure")
        if state == "failed" and failure is None:
            failure = {
                "code": "unexpected",
                "message": "something unexpected went wrong in the worker; see its log, and try again",
            }
        made = output.get("made")
        inputs = row.input["args"] if row.input else ["{}"]
        return Job(
            row.workflow_id,
            state,
            Request.from_text(inputs[0]),
            _time(row.created_at) or datetime.now(UTC),
            started=_time(row.dequeued_at),
            ended=None if state in {"queued", "running"} else _time(row.completed_at),
            owner=row.authenticated_user or "",
            priority=row.priority or 0,
            progress=self.progress(row.workflow_id) if look else None,
            failure=None if failure is None else Failure(**failure),
            made=None if made is None else Made(**made),
            warnings=tuple(output.get("warnings", ())),
            reason=attributes.get("reason") if state == "paused" else None,
            facts=dict(attributes.get("facts") or {}),
        )

    def progress(self, job: str) -> Progress | None:
        """How far a job is; None before its first step."""
        try:
            return Progress(**json.loads(self.store.read(job_key(job, "progress.json"))))
        except (Missing, ValueError, TypeError):
            return None


def _state(status: str, attributes: Mapping[str, Any], output: Mapping[str, Any], store: Store) -> State:
    if status in {"ENQUEUED", "DELAYED"}:
        return "queued"
    if status == "PENDING":
        return "running"
    if status == "SUCCESS" and "failure" not in output:
        return "finished"
    if status == "CANCELLED":
        worker = attributes.get("active")
        if worker is not None and alive(store, worker):
            return "pausing"
        return "paused" if attributes.get("hold") == "pause" else "cancelled"
    return "failed"


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Return the device and the inode of a file; None where there is none."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def answered(ask: Callable[[], T]) -> T:
    """Return what the database answers, asked twice if need be, since a connection may have gone stale.  Raises Unavailable."""
    for wait_s in (0.2, None):
        try:
            return ask()
        except (SQLAlchemyError, OSError) as error:
            if wait_s is None:
                logging.getLogger("impasto.jobs").warning("the database does not answer: %s", str(error).splitlines()[0])
                number = _system_number(error)
                raise Unavailable("the queue's database does not answer; try again in a moment", errno=number) from None
            time.sleep(wait_s)
    raise AssertionError


def _system_number(error: Exception) -> int | None:
    """Return the errno behind what a database says, where its disk is full or read-only: who asks again does not help."""
    if isinstance(error, OSError):
        return error.errno
    said = getattr(error, "orig", None)
    name = str(getattr(said, "sqlite_errorname", ""))
    if name == "SQLITE_FULL" or getattr(said, "sqlstate", None) == "53100":  # PostgreSQL's disk_full
        return errno.ENOSPC
    return errno.EROFS if name.startswith("SQLITE_READONLY") else None
