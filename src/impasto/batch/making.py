"""A batch on its way: what is done already is skipped, the rest is queued, results are put into the folder as they come.

A job's id follows from its picture's name and its request, so a batch that is started again finds the jobs it had, also after its
folder was moved: nothing is made twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from impasto.batch.placing import check_free, done, place
from impasto.batch.rows import Row
from impasto.errors import ImpastoError, InputError, OutputError, Unavailable
from impasto.files import expanded, make_folder
from impasto.jobs import Job, Queue, Request, State
from impasto.jobs.request import Suffix, parse_request
from impasto.jobs.room import require_room
from impasto.jobs.store import Missing, keep_file
from impasto.storage.listing import on_disk, problem
from impasto.storage.text import shown
from impasto.style_argument import weighted

_POLL_S: Final = 0.4
_GONE_S: Final = 30.0
"""Seconds for which a data folder may be away (a share that is mounted again) before the batch ends."""

_FULL_S: Final = 90.0
"""Seconds for which its disk may be full; workers try for about a minute, and then pause their jobs where they can note that."""

log = logging.getLogger("impasto.batch")
Ended = Literal["made", "skipped", "failed", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """The end of a row; `picture` is where it is, `message` why there is none.  `stopped`: a new start goes on with it."""

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

    def __init__(
        self,
        rows: Sequence[Row],
        folder: Path,
        queue: Queue,
        given: Mapping[str, Any],
        *,
        suffix: Suffix,
        record: bool = True,
        shared: bool = False,
    ) -> None:
        """Prepare a batch; nothing is read yet.

        Args:
            rows: What to make of what.
            folder: Where the pictures go.
            queue: Where the jobs go.
            given: Settings for all rows, under their own.
            suffix: The pictures' format.
            record: Whether pictures hold the record of their making; it stands beside them in any case, and tells what is done.
            shared: Whether the queue has jobs of other batches.  One of its own lies in the folder and may be moved with it.
        """
        self._rows, self._folder, self._queue, self._given, self._suffix = rows, folder, queue, dict(given), suffix
        self._record = record
        # As text a name that is no UTF-8, too; and no two folders have the same.
        self._place = os.fsencode(folder.absolute()).decode("utf-8", "backslashreplace") if shared else ""
        self._hashes: dict[str, str] = {}
        self._open: dict[str, _Entry] = {}
        self.outcomes: dict[str, Outcome] = {}

    def submit(self, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Queue what is not done, and take from the queue what earlier starts wanted and this one does not.

        A row that cannot be read, or whose picture cannot be written where it belongs, fails alone.
        """
        make_folder(self._folder)
        inputs = self._inputs()
        for row in self._rows:
            if stop():
                return
            picture = self.picture(row)
            try:
                check_free(picture, inputs)
                request = self._request(row)
                if done(picture, request, self._queue.store):
                    self.outcomes[row.name] = Outcome(row, "skipped", picture)
                    continue
                self._queued(row, request)
            except Unavailable:
                raise
            except Exception as error:
                self._fail(row, _said(error))
        self._drop_others()

    def _inputs(self) -> frozenset[tuple[int, int]]:
        """Return device and inode of each file that the rows name; those that cannot be found fail later, each alone."""
        found = set()
        for path in {path for row in self._rows for path in (row.content, *row.styles)}:
            with contextlib.suppress(OSError, ValueError, InputError):
                known = on_disk(expanded(weighted(path)[0])).stat()
                found.add((known.st_dev, known.st_ino))
        return frozenset(found)

    def _fail(self, row: Row, message: str) -> None:
        where = "" if row.where is None else f"{row.where}: "
        self.outcomes[row.name] = Outcome(row, "failed", self.picture(row), message=f"{where}{message}")

    def _drop_others(self) -> None:
        states: tuple[State, ...] = ("queued", "running", "pausing", "paused")
        for job in self._queue.jobs(states=states, limit=1_000_000):
            if (self._place == "" or job.facts.get("batch") == self._place) and job.id not in self._open:
                self._queue.cancel(job.id)

    def picture(self, row: Row) -> Path:
        """Return where a row's picture goes."""
        return self._folder / f"{row.name}{self._suffix}"

    def _queued(self, row: Row, request: Request) -> None:
        text = f"{self._place}/{row.name}{self._suffix}\n{request.digest()}"
        job = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        for before in self._queue.find([job]):
            if before.state == "failed":
                self._queue.delete(job)
            elif before.state in {"paused", "cancelled", "pausing"}:
                self._queue.resume(job)
        self._queue.submit(request, job=job, facts={"batch": self._place})
        self._open[job] = _Entry(row, request, job)

    def _request(self, row: Row) -> Request:
        styles = []
        for style in row.styles:
            path, weight = weighted(style)
            styles.append({**self._ref(path), "weight": weight})
        return parse_request(
            {
                "content": self._ref(row.content),
                "styles": styles,
                "settings": {**self._given, **row.settings},
                "name": _text(row.name)[:200],
                "suffix": self._suffix,
                "record": self._record,
            }
        )

    def _ref(self, path: str) -> dict[str, str]:
        if path not in self._hashes:
            file = on_disk(expanded(path))
            try:
                why = problem(file)  # never opened if it is a pipe: reading it could wait for ever
                data = b"" if why is not None else file.read_bytes()
            except (OSError, ValueError) as error:
                why = f"cannot be read: {getattr(error, 'strerror', None) or error}"
            if why is not None:
                raise InputError(f"{shown(path)} {why}")
            self._hashes[path] = keep_file(self._queue.store, data)
        return {"sha256": self._hashes[path], "name": _text(Path(path).stem)[:200], "path": _text(path)}

    def watch(self, *, stop: Callable[[], bool]) -> Iterator[list[Job]]:
        """Take results as they come; yield the jobs at hand after each look, until none is left or `stop`.

        A database or a data location that does not answer for a while is waited for.  Where the disk stays full, which nobody can
        note in the queue then, the rows that are left end as stopped.

        Raises:
            Unavailable: The folder with the queue was moved or removed.
            OutputError: It could not be read for half a minute.
        """
        gone_since: float | None = None
        full_since: float | None = None
        while self._open and not stop():
            full = self._no_room()
            full_since = None if full is None else time.monotonic() if full_since is None else full_since
            if full_since is not None and time.monotonic() - full_since > _FULL_S:
                for entry in self._open.values():
                    self._stopped(entry, f"{full}; the same command goes on with it")
                self._open.clear()
                return
            try:
                self._queue.check()
                gone_since = None
            except ImpastoError:
                gone_since = time.monotonic() if gone_since is None else gone_since
                if time.monotonic() - gone_since > _GONE_S:
                    raise
            try:
                jobs = self._queue.find(list(self._open))
                for job in jobs:
                    self._take(job)
                for lost in set(self._open) - {job.id for job in jobs}:  # deleted by somebody: it is ours to make
                    self._again(self._open[lost])
                yield [job for job in jobs if job.id in self._open]
            except (Unavailable, OutputError):
                yield []
            time.sleep(_POLL_S)

    def _no_room(self) -> str | None:
        """Return why the data folder takes nothing, or None."""
        try:
            require_room(self._queue.store)
        except OutputError as error:
            return str(error)
        return None

    def _stopped(self, entry: _Entry, message: str) -> None:
        self.outcomes[entry.row.name] = Outcome(entry.row, "stopped", self.picture(entry.row), message=message)

    def _again(self, entry: _Entry) -> None:
        """Queue a job once more, with its inputs if those were removed as well."""
        try:
            self._queue.submit(entry.request, job=entry.job, facts={"batch": self._place})
        except Missing:
            self._hashes.clear()
            try:
                self._queue.submit(self._request(entry.row), job=entry.job, facts={"batch": self._place})
            except (Unavailable, OutputError):
                raise
            except InputError as error:  # the file changed or went meanwhile
                self._fail(entry.row, str(error))
                del self._open[entry.job]

    def _take(self, job: Job) -> None:
        entry = self._open[job.id]
        picture = self.picture(entry.row)
        made = False
        if job.state == "finished" and job.made is not None:
            try:
                place(self._queue.store, job.id, picture, self._suffix)
                self.outcomes[entry.row.name] = Outcome(entry.row, "made", picture, job.made.seconds, job.made.loss)
                made = True
            except (OutputError, Missing) as error:  # the job keeps the picture
                self._stopped(entry, f"{error}; the same command goes on with it")
        elif job.state == "failed":
            self._fail(entry.row, "something unexpected went wrong" if job.failure is None else job.failure.message)
        elif job.state in {"paused", "cancelled"}:
            reason = "it was stopped" if job.reason is None else job.reason
            self._stopped(entry, f"{reason}; start the batch again to go on with it")
        else:
            return
        del self._open[job.id]
        if made:
            with contextlib.suppress(ImpastoError):  # what is left over costs room only
                self._queue.delete(job.id)

    @property
    def unfinished(self) -> int:
        """The number of rows that are still to be made."""
        stopped = sum(one.state == "stopped" for one in self.outcomes.values())
        return stopped + sum(row.name not in self.outcomes for row in self._rows)

    @property
    def at_hand(self) -> int:
        """The number of rows that are queued or being made."""
        return len(self._open)


def _text(text: str) -> str:
    """Return the text without what is no Unicode, as names of files may be."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _said(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    log.debug("a row failed", exc_info=error)
    return f"something unexpected went wrong ({type(error).__name__}: {shown(error)})"
