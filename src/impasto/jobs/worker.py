"""The worker: a process that takes jobs from the queue, one at a time, and loses nothing when it is killed.

Each job is a DBOS workflow whose steps are the segments between checkpoints.  All computing happens in the main thread: the
threads that the arithmetic is spread over belong to the thread that calls it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import FrameType
from typing import Any, Final

from dbos import DBOS
from dbos import error as dbos_errors
from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import ImpastoError, Unavailable
from impasto.evaluate.allocator import keep_freed_memory
from impasto.jobs.database import APPLICATION, QUEUE, VERSION, WORKFLOW, needs_migration, prepared
from impasto.jobs.painter import SEGMENT_S, Painter, Passing
from impasto.jobs.queue import answered
from impasto.jobs.request import Request
from impasto.jobs.store import Store
from impasto.jobs.workers import BEAT_S, DEAD_AFTER_S, Watch, beat, leave

POLL_S: Final = 0.7
_TWICE_ENDS: Final = ("SIGTERM", "SIGINT")
_POLITE: Final = (*_TWICE_ENDS, "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
"""Signals that ask for an end: a closed terminal, a batch system's announcement, a processor's time that is used up."""

log = logging.getLogger("impasto.worker")


class Worker:
    """A worker: it registers the workflow, and runs until it is asked to stop."""

    def __init__(
        self, store: Store, database: str, *, name: str, parent: int | None = None, segment_s: float = SEGMENT_S
    ) -> None:
        """`name`: of letters, digits, - and _; of all that run, no other has it.

        `parent`: a process without which it ends; `segment_s`: seconds between checkpoints.
        """
        self._store, self._database, self._name, self._parent = store, database, name, parent
        self._painter = Painter(store, segment_s=segment_s)
        self._stopping = threading.Event()
        self._tasks: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue()
        self._halt: dict[str, threading.Event] = {}
        self._active: set[str] = set()
        self._to_pause: set[str] = set()
        self._client = answered(lambda: prepared(database, new=parent is None))

    def run(self, *, until_idle: bool = False, on_ready: Callable[[], object] = lambda: None) -> None:
        """Work until a signal asks for an end (or the parent ends).

        Args:
            until_idle: Or until nothing waits and nothing is at work.
            on_ready: Called once, when everything that a worker needs has started.
        """
        for number in _taken():
            signal.signal(number, self._asked_to_stop)
        keep_freed_memory()
        self._painter.sweep()
        with contextlib.suppress(ImpastoError):
            beat(self._store, self._name, 0)
        self._launch()
        beats = threading.Thread(target=self._beat, daemon=True)
        beats.start()
        log.info("worker %s is ready", self._name)
        on_ready()
        try:
            while not self._stopping.is_set():
                try:
                    task, future = self._tasks.get(timeout=0.2)
                except queue.Empty:
                    if until_idle and self._idle():
                        break
                    continue
                try:
                    future.set_result(task())
                except BaseException as error:
                    future.set_exception(error)
        finally:
            self._stopping.set()
            # Workflows that are not at an end are left as they are in the database, for the next worker: their threads wait
            # for a segment that will not come, and end with the process.
            with contextlib.suppress(ImpastoError):
                leave(self._store, self._name)
            log.info("worker %s has ended", self._name)
            logging.shutdown()
            os._exit(0)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._stopping.set()
        # A second one ends it at once; but a closing terminal sends SIGHUP twice, and SIGXCPU comes every second.
        again = signal.Signals(number).name in _TWICE_ENDS
        signal.signal(number, signal.SIG_DFL if again else signal.SIG_IGN)

    def _launch(self) -> None:
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._database,
                "executor_id": self._name,
                "application_version": VERSION,
                "run_migrations": needs_migration(self._database),
                "log_level": "CRITICAL",
            }
        )
        self._register()
        try:
            DBOS.launch()
            DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=0.3)
        except SQLAlchemyError as error:
            log.warning("the database does not answer: %s", str(error).partition("\n")[0])
            raise Unavailable("the queue's database does not answer; try again in a moment") from None

    def _register(self) -> None:
        steps: dict[str, Any] = {"retries_allowed": True, "interval_seconds": 1.0, "max_attempts": 6, "backoff_rate": 2.0}
        steps["should_retry"] = lambda error: isinstance(error, Passing)

        @DBOS.step(name="segment", **steps)
        def segment(job: str, request: str) -> dict[str, Any]:
            wanted = Request.from_text(request)
            stopped, mine = self._stop(job), lambda: self._is_mine(job, "PENDING", "CANCELLED")
            return self._held(lambda: self._painter.segment(job, wanted, stopped=stopped, mine=mine))

        @DBOS.step(name="finish", **steps)
        def finish(job: str, request: str) -> dict[str, Any]:
            wanted = Request.from_text(request)
            return self._held(lambda: self._painter.finish(job, wanted))

        @DBOS.step(name="tidy")
        def tidy(job: str) -> None:
            self._painter.tidy(job)

        @DBOS.step(name="pause")
        def pause(job: str, reason: str) -> None:
            log.error("%s: paused: %s", job, reason)
            self._client.update_workflow_attributes(job, {"hold": "pause", "reason": reason}, merge=True)
            self._to_pause.add(job)

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1000)
        def paint(request: str) -> dict[str, Any]:
            job = str(DBOS.workflow_id)
            self._active.add(job)
            self._say(job, f"{self._name} {os.getpid()}")
            try:
                while True:
                    try:
                        answer = segment(job, request)
                        if answer.get("finished"):
                            answer = finish(job, request)
                            # Only when it is recorded that the picture is there, its checkpoint is not needed any more.
                            tidy(job)
                            return answer
                        if "failure" in answer:
                            return answer
                    except dbos_errors.DBOSMaxStepRetriesExceeded as error:
                        # For a person to mend; the job is gone on with when they say so.
                        pause(job, str(error.errors[-1]))
                        # Behind the step, whose record a cancelled workflow could not make; not again when steps are replayed.
                        if job in self._to_pause:
                            self._to_pause.discard(job)
                            self._client.cancel_workflow(job)
            except BaseException:
                # Cancelled, maybe between two segments; or another worker has it.
                wanted = Request.from_text(request)
                self._held(lambda: self._painter.put_away(job, wanted, mine=self._is_mine(job, "CANCELLED")))
                raise
            finally:
                self._say(job, None)
                self._active.discard(job)

    def _held(self, task: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the main thread makes of a task.  Does not return where the worker stops before."""
        future: Future[dict[str, Any]] = Future()
        self._tasks.put((task, future))
        return future.result()

    def _say(self, job: str, active: str | None) -> None:
        """Who is at it; only to be shown, so a database that does not answer is no reason to stop."""
        try:
            self._client.update_workflow_attributes(job, {"active": active}, merge=True)
        except Exception as error:
            log.warning("the database does not answer: %s", str(error).partition("\n")[0])

    def _is_mine(self, job: str, *statuses: str) -> bool:
        """Whether the job is still this worker's: one that slept for a while must not write over what another made."""
        try:
            found = self._client.list_workflows(workflow_ids=[job], load_input=False, load_output=False)
        except Exception as error:
            log.warning("the database does not answer: %s", str(error).partition("\n")[0])
            return True
        return bool(found) and found[0].status in statuses and found[0].executor_id == self._name

    def _stop(self, job: str) -> Callable[[], bool]:
        """Whether the job at hand is to stop: the worker ends, or the job was cancelled, or another worker has it now."""
        halt = threading.Event()
        self._halt = {job: halt}  # one at a time
        threading.Thread(target=self._poll, args=(job, halt), daemon=True).start()
        return lambda: self._stopping.is_set() or halt.is_set()

    def _poll(self, job: str, halt: threading.Event) -> None:
        while self._halt.get(job) is halt and not self._stopping.is_set():
            try:
                found = self._client.list_workflows(workflow_ids=[job], load_input=False, load_output=False)
                if not found or found[0].status != "PENDING" or found[0].executor_id != self._name:
                    halt.set()
                    return
            except Exception as error:
                log.warning("the database does not answer: %s", str(error).partition("\n")[0])
            time.sleep(POLL_S)

    def _beat(self) -> None:
        watch = Watch(self._store)
        orphans: set[str] = set()
        silent: dict[str, float] = {}
        logged = ""
        for count in range(1 << 62):
            if self._stopping.is_set():
                return
            try:
                beat(self._store, self._name, count)
                if count % 3 == 1:
                    orphans = self._orphans(orphans)
                for worker in (*watch.dead(), *self._silent(silent)) if count % 3 == 2 else ():
                    taken = DBOS._recover_pending_workflows([worker])
                    if taken:
                        log.warning("worker %s is gone; %d of its jobs go on here or elsewhere", worker, len(taken))
                    watch.forget(worker)
                logged = ""
            except Exception as error:
                if str(error) != logged:
                    log.warning("no heartbeat: %s", error)
                logged = str(error)
            if self._parent is not None and os.getppid() != self._parent:
                self._stopping.set()
            self._stopping.wait(BEAT_S)

    def _orphans(self, before: set[str]) -> set[str]:
        """Jobs that are ours by the database, while nothing here is at them; those that were so before go back to the queue.

        A full disk or the like can end a workflow's thread between two steps, where it could not even record that.
        """
        rows = self._client.list_workflows(
            status="PENDING", executor_id=self._name, name=WORKFLOW, load_input=False, load_output=False
        )
        found = {row.workflow_id for row in rows} - self._active
        if found & before and not self._active:
            log.warning("%s: goes on after its record could not be kept", ", ".join(found & before))
            DBOS._recover_pending_workflows([self._name])
            return set()
        return found

    def _silent(self, since: dict[str, float]) -> list[str]:
        """Workers that have jobs, and never said for DEAD_AFTER_S that they are alive: killed before their first beat."""
        rows = self._client.list_workflows(status="PENDING", name=WORKFLOW, load_input=False, load_output=False)
        known, now = set(self._store.names("workers")), time.monotonic()
        found = {row.executor_id for row in rows if row.executor_id is not None} - known - {self._name}
        for gone in since.keys() - found:
            del since[gone]
        return [worker for worker in found if now - since.setdefault(worker, now) > DEAD_AFTER_S]

    def _idle(self) -> bool:
        try:
            return not self._client.list_workflows(
                status=["ENQUEUED", "DELAYED", "PENDING"], name=WORKFLOW, limit=1, load_input=False, load_output=False
            )
        except Exception:
            return False


def _taken() -> Iterator[int]:
    """Yield the signals that this worker obeys: not those that it was started to ignore, as by `nohup`, but SIGTERM always."""
    for name in _POLITE:
        number = getattr(signal, name, None)
        if number is not None and (name in _TWICE_ENDS or signal.getsignal(number) is not signal.SIG_IGN):
            yield number
