"""A batch on its way: what is done already is skipped, the rest is queued, results are put into the folder as they come.

A job's id follows from its picture and its place, so a batch that is started again finds the jobs it had: nothing is made twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from impasto.batch.rows import Row
from impasto.errors import ImpastoError, InputError, OutputError, Unavailable
from impasto.files import check_place, expanded, make_folder, put
from impasto.jobs import Job, Queue, Request, State
from impasto.jobs.queue import UnknownJob
from impasto.jobs.request import Suffix, parse_request
from impasto.jobs.store import Missing, job_key, keep_file

_POLL_S: Final = 0.4
Ended = Literal["made", "skipped", "failed", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """What became of a row; `picture` is where it is, `message` why there is none.  `stopped`: a new start goes on with it."""

    row: Row
    state: Ended
    picture: Path
    seconds: float | None = None
    loss: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class _Entry:
    row: Row
    request: Request
    job: str


class Batch:
    """Rows, and the folder that their pictures go to."""

    def __init__(self, rows: Sequence[Row], folder: Path, queue: Queue, given: Mapping[str, Any], *, suffix: Suffix) -> None:
        """`given`: settings for all rows, under their own."""
        self._rows, self._folder, self._queue, self._given, self._suffix = rows, folder, queue, dict(given), suffix
        self._hashes: dict[str, str] = {}
        self._open: dict[str, _Entry] = {}
        self.outcomes: dict[str, Outcome] = {}

    def submit(self, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Queues what is not done, and takes from the queue what earlier starts wanted and this one does not.

        A row that cannot be read, or whose picture cannot be written where it belongs, fails alone.
        """
        make_folder(self._folder)
        for row in self._rows:
            if stop():
                return
            picture = self.picture(row)
            try:
                check_place(picture)
                request = self._request(row)
                if done(picture, request):
                    self.outcomes[row.name] = Outcome(row, "skipped", picture)
                    continue
                self._queued(row, request)
            except Unavailable:
                raise
            except InputError as error:
                self.outcomes[row.name] = Outcome(row, "failed", picture, message=str(error))
        self._drop_others()

    def _drop_others(self) -> None:
        states: tuple[State, ...] = ("queued", "running", "pausing", "paused")
        for job in self._queue.jobs(states=states, limit=1_000_000):
            if job.facts.get("batch") == self._place_name and job.id not in self._open:
                self._queue.cancel(job.id)

    @property
    def _place_name(self) -> str:
        return str(self._folder.absolute())

    def picture(self, row: Row) -> Path:
        """Where a row's picture goes."""
        return self._folder / f"{row.name}{self._suffix}"

    def _queued(self, row: Row, request: Request) -> None:
        place = f"{self.picture(row).absolute()}\n{request.digest()}"
        job = hashlib.sha256(place.encode()).hexdigest()[:32]
        with contextlib.suppress(UnknownJob):
            before = self._queue.get(job)
            if before.state == "failed":
                self._queue.delete(job)
            elif before.state in {"paused", "cancelled", "pausing"}:
                self._queue.resume(job)
        self._queue.submit(request, job=job, facts={"batch": self._place_name})
        self._open[job] = _Entry(row, request, job)

    def _request(self, row: Row) -> Request:
        styles = []
        for style in row.styles:
            path, weight = _weighted(style)
            styles.append({**self._ref(path), "weight": weight})
        return parse_request(
            {
                "content": self._ref(row.content),
                "styles": styles,
                "settings": {**self._given, **row.settings},
                "name": _text(row.name)[:200],
                "suffix": self._suffix,
            }
        )

    def _ref(self, path: str) -> dict[str, str]:
        if path not in self._hashes:
            try:
                self._hashes[path] = keep_file(self._queue.store, expanded(path).read_bytes())
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
        return {"sha256": self._hashes[path], "name": _text(Path(path).stem)[:200], "path": _text(path)}

    def watch(self, *, stop: Callable[[], bool]) -> Iterator[list[Job]]:
        """Takes results as they come; yields the jobs at hand after each look, until none is left or `stop`.

        A database that is gone for a while is waited for.
        """
        while self._open and not stop():
            try:
                jobs = self._queue.find(list(self._open))
                for job in jobs:
                    self._take(job)
                for lost in set(self._open) - {job.id for job in jobs}:  # deleted by somebody: it is ours to make
                    entry = self._open[lost]
                    self._queue.submit(entry.request, job=entry.job)
                yield [job for job in jobs if job.id in self._open]
            except Unavailable:
                yield []
            time.sleep(_POLL_S)

    def _take(self, job: Job) -> None:
        entry = self._open[job.id]
        picture = self.picture(entry.row)
        if job.state == "finished" and job.made is not None:
            try:
                self._place(job, picture)
            except (OutputError, Missing) as error:
                self.outcomes[entry.row.name] = Outcome(entry.row, "stopped", picture, message=str(error))
                del self._open[job.id]
                return
            self.outcomes[entry.row.name] = Outcome(entry.row, "made", picture, job.made.seconds, job.made.loss)
        elif job.state == "failed":
            message = "something unexpected went wrong" if job.failure is None else job.failure.message
            self.outcomes[entry.row.name] = Outcome(entry.row, "failed", picture, message=message)
        elif job.state in {"paused", "cancelled"}:
            reason = "it was stopped" if job.reason is None else job.reason
            message = f"{reason}; start the batch again to go on with it"
            self.outcomes[entry.row.name] = Outcome(entry.row, "stopped", picture, message=message)
        else:
            return
        del self._open[job.id]
        if job.state == "finished":
            with contextlib.suppress(ImpastoError):  # what is left over costs room only
                self._queue.delete(job.id)

    def _place(self, job: Job, picture: Path) -> None:
        store = self._queue.store
        make_folder(picture.parent)
        beside = picture.with_name(picture.name + ".json")
        beside.unlink(missing_ok=True)  # an older one's must not stand beside the new picture, whenever this is ended
        put(picture, store.read(job_key(job.id, f"result{self._suffix}")), existing="replace")
        # The record last: with it the picture counts as done.
        put(beside, store.read(job_key(job.id, "manifest.json")), existing="replace")

    @property
    def unfinished(self) -> int:
        """How many rows are still to be made."""
        stopped = sum(one.state == "stopped" for one in self.outcomes.values())
        return stopped + sum(row.name not in self.outcomes for row in self._rows)

    @property
    def at_hand(self) -> int:
        """How many rows are queued or being made."""
        return len(self._open)


def done(picture: Path, request: Request) -> bool:
    """Whether the picture is there, and its record says that it was made of these files with these settings."""
    try:
        facts = json.loads(picture.with_name(picture.name + ".json").read_text("utf-8"))
        if not picture.is_file() or not facts["finished"]:
            return False
        settings = request.resolved().model_dump(mode="json")
        recorded = [facts["content"], *facts["styles"]]
        wanted = [ref.sha256 for role, ref in request.roles() if role == "content" or role.startswith("style.")]
        return bool(facts["settings"] == settings and [one["sha256"] for one in recorded] == wanted)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _text(text: str) -> str:
    """Without what is no Unicode, as names of files may be."""
    return os.fsencode(text).decode("utf-8", "replace")


def _weighted(style: str) -> tuple[str, float | None]:
    before, colon, weight = style.rpartition(":")
    if expanded(style).exists() or not colon:
        return style, None
    try:
        return before, float(weight)
    except ValueError:
        return style, None
