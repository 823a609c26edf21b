"""A job's picture, made in segments: each ends with a checkpoint, from which this worker or another goes on exactly.

Between segments the run stays in memory, so that a checkpoint is only read after a worker was ended.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from impasto import checkpoint as checkpoints
from impasto import manifest
from impasto.errors import (
    CheckpointError,
    DownloadError,
    ImpastoError,
    OutputError,
    PeerLost,
    Unavailable,
)
from impasto.files import file_clock
from impasto.jobs.request import Request
from impasto.jobs.store import Folder, Missing, Store, file_key, job_key
from impasto.jobs.telling import Telling
from impasto.out_of_memory import is_out_of_memory
from impasto.run import Run, Step
from impasto.run.api import network_for
from impasto.run.inputs import from_roles, read_input
from impasto.run.result import result_of
from impasto.run.saved import restored, save
from impasto.settings import Settings, check_counts
from impasto.vgg import Vgg
from impasto.vgg.precision import caveat

SEGMENT_S: Final = 30.0
"""Seconds between two checkpoints."""

_CHECKPOINT_SHARE: Final = 0.05
"""Checkpoints take at most about this share of the time, however large they are."""

_LEFT_S: Final = 3600.0
TRIES: Final = 6
"""How often a worker may be ended between the same two checkpoints before the picture counts as the reason."""

log = logging.getLogger("impasto.worker")


class Passing(Exception):
    """The disk is full, a service does not answer: worth another try."""


class Painter:
    """Makes pictures, one at a time; holds the network, and the run at hand."""

    def __init__(self, store: Store, *, segment_s: float = SEGMENT_S) -> None:
        """`segment_s`: seconds between checkpoints, if they cost little."""
        self._store, self._segment_s = store, segment_s
        self._networks: dict[tuple[str, str, str, str], Vgg] = {}
        self._live: tuple[str, Run] | None = None
        self._kept = False
        self._checkpoint_cost_s = 0.0

    def segment(self, job: str, request: Request, *, stopped: Callable[[], bool], mine: Callable[[], bool]) -> dict[str, Any]:
        """Go on with a job until it is finished, asked to stop, or due a checkpoint, which is written only where it is `mine`.

        Returns {"finished": bool}, or {"failure": {"code", "message"}} where another try would fail alike.  Raises Passing.
        """
        with _sorted_out() as answer:
            run = self._run(job, request)
            telling = Telling(self._store, job)
            until = time.monotonic() + max(self._segment_s, self._checkpoint_cost_s / _CHECKPOINT_SHARE)
            while not run.finished and not stopped() and time.monotonic() < until:
                step = self._advanced(run)
                telling.step(run, step)
                if step.note is not None:
                    self._warn(job, step.note)
                del step  # its picture is not needed while the next one is evaluated
            telling.end(run)
            if not run.finished:
                self._kept = mine() and self._checkpoint(job, run)
            answer |= {"finished": run.finished}
        if "failure" in answer:
            self._forget()
        return answer

    def finish(self, job: str, request: Request) -> dict[str, Any]:
        """Put the finished picture, its manifest and its losses in their place; it can be called again where it raised Passing.

        Returns {"made": {"width", "height", "seconds", "loss"}, "warnings": […]}, or {"failure": …}.
        """
        with _sorted_out() as answer:
            run = self._run(job, request)
            while not run.finished:  # the worker was ended after the last segment
                run.advance()
            Telling(self._store, job).end(run)
            self._keep_picture(job, run, request)
            height, width = result_of(run).rgb.shape[1:]
            loss = min(record.loss for record in run.records if record.level == len(run.levels))
            answer |= {"made": {"width": width, "height": height, "seconds": round(run.seconds, 2), "loss": loss}}
            answer |= {"warnings": self._warnings(job)}
        self._forget()
        return answer

    def tidy(self, job: str) -> None:
        """Remove what a job needs no more when it is finished; what stays takes room only."""
        for name in ("checkpoint", "attempts.json"):
            with contextlib.suppress(ImpastoError):
                self._store.remove(job_key(job, name))

    def sweep(self) -> None:
        """Remove what killed workers left half-written, an hour ago or more by the clock of the folder's own disk."""
        if isinstance(self._store, Folder):
            place = Path(self._store.url) / "temporary"
            left_over = list(place.iterdir()) if place.is_dir() else []
            now = file_clock(place) if left_over else None
            for left in left_over:
                with contextlib.suppress(OSError):
                    if now is not None and now - left.stat().st_mtime > _LEFT_S:
                        shutil.rmtree(left)

    def put_away(self, job: str, request: Request, *, mine: bool) -> dict[str, Any]:
        """Keep the picture so far of a job that was stopped, if it is `mine`, and forget the run if a checkpoint has it."""
        if self._live is not None and self._live[0] == job:
            if mine:
                with _sorted_out():
                    self._keep_picture(job, self._live[1], request)
            if self._kept or not mine:
                self._forget()
        return {}

    def _advanced(self, run: Run) -> Step:
        """A step; where it failed on its way, the run is not what it was, and the checkpoint is gone on with."""
        try:
            return run.advance()
        except Exception:
            self._forget()
            raise

    def _run(self, job: str, request: Request) -> Run:
        if self._live is not None and self._live[0] == job:
            return self._live[1]
        self._forget()
        self._kept = False
        self._count(job)
        found = self._from_checkpoint(job)
        run = self._new(request) if found is None else found
        words = caveat(run.vgg)
        if words is not None:
            self._warn(job, words)
        self._live = (job, run)
        return run

    def _forget(self) -> None:
        self._live = None
        gc.collect()

    def _new(self, request: Request) -> Run:
        settings = request.resolved()
        check_counts(settings, len(request.styles))
        roles = dict(request.roles())
        found = {}
        for role, ref in roles.items():
            found[role] = read_input(role, self._store.read(file_key(ref.sha256)), settings, ref.name)
        inputs = from_roles(found, {role: ref.path for role, ref in roles.items()})
        run = Run(settings, inputs, self._network(settings))
        run.budget.check()
        if isinstance(self._store, Folder):
            run.scratch = Path(self._store.url)
        return run

    def _from_checkpoint(self, job: str) -> Run | None:
        try:
            with self._store.local(job_key(job, "checkpoint")) as path:
                saved = checkpoints.read(path)
                settings = Settings(**saved.facts["settings"])
                scratch = Path(self._store.url) if isinstance(self._store, Folder) else None
                return restored(saved, scratch=scratch, vgg=self._network(settings, saved.facts["precision"]))
        except Missing:
            return None
        except (CheckpointError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            self._warn(job, f"the checkpoint cannot be used, so the picture begins anew: {error}")
            return None

    def _network(self, settings: Settings, precision: str | None = None) -> Vgg:
        key = (settings.network, settings.pooling, precision or settings.precision, settings.device)
        if key not in self._networks:
            self._networks.clear()
            self._networks[key] = network_for(settings, precision)
        return self._networks[key]

    def _count(self, job: str) -> None:
        """Note that work begins at a checkpoint once more; raise MemoryError where it never got beyond it."""
        key, done = job_key(job, "attempts.json"), self._store.stamp(job_key(job, "checkpoint"))
        try:
            before = json.loads(self._store.read(key))
        except (Missing, ValueError):
            before = {}
        count = before.get("count", 0) + 1 if before.get("done") == done else 1
        if count > TRIES:
            raise MemoryError(f"the worker was ended {TRIES} times at the same place")
        self._store.write(key, json.dumps({"done": done, "count": count}).encode())

    def _checkpoint(self, job: str, run: Run) -> bool:
        begun, kept = time.monotonic(), False
        try:
            with self._beside(job) as path:
                save(run, path, {})
                self._store.send(job_key(job, "checkpoint"), path)
                kept = True
        except (OutputError, MemoryError, Unavailable) as error:
            self._warn(job, f"no checkpoint now: {error or 'there is not enough memory'}")
        self._checkpoint_cost_s = time.monotonic() - begun
        return kept

    def _keep_picture(self, job: str, run: Run, request: Request) -> None:
        if not run.has_picture:
            return
        result = result_of(run)
        with self._beside(job) as path:
            for suffix in dict.fromkeys((".png", request.suffix)):
                picture = path.with_name(f"result{suffix}")
                result.save(picture, overwrite=True, record=request.record)
                self._store.send(job_key(job, picture.name), picture)
            self._store.write(job_key(job, "manifest.json"), manifest.to_json(result.manifest).encode())

    @contextmanager
    def _beside(self, job: str) -> Iterator[Path]:
        """Yield a path to write at before the store takes the file: on its own disk where it has one.

        Raises OutputError or Unavailable.
        """
        place = Path(self._store.url) / "temporary" if isinstance(self._store, Folder) else None
        self._store.check()  # a folder made where the data were would stand in the way of their return
        try:
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f"{job[:8]}-", dir=place) as folder:
                yield Path(folder) / "checkpoint"
        except OSError as error:
            where = "the system's folder for temporary files" if place is None else place
            raise OutputError(f"{where} cannot be written: {error.strerror or error}") from None

    def _warn(self, job: str, text: str) -> None:
        log.warning("%s: %s", job, text)
        try:
            warnings = self._warnings(job)
            if text not in warnings:
                self._store.write(job_key(job, "warnings.json"), json.dumps([*warnings, text]).encode())
        except ImpastoError as error:
            log.warning("%s: not told: %s", job, error)

    def _warnings(self, job: str) -> list[str]:
        try:
            return list(json.loads(self._store.read(job_key(job, "warnings.json"))))
        except (Missing, ValueError):
            return []


@contextmanager
def _sorted_out() -> Iterator[dict[str, Any]]:
    """Put the failure into the answer for what would fail again; raise Passing for what may not."""
    answer: dict[str, Any] = {}
    try:
        yield answer
    except (OutputError, DownloadError, PeerLost, Unavailable) as error:
        raise Passing(str(error)) from None
    except ImpastoError as error:
        answer["failure"] = {"code": _code(error), "message": str(error)}
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        message = f"there is not enough memory for this picture{what}; a smaller size needs less"
        answer["failure"] = {"code": "out_of_memory", "message": message}
    except OSError as error:
        raise Passing(str(error)) from None
    except Exception as error:
        log.exception("something unexpected went wrong")
        if is_out_of_memory(error):
            answer["failure"] = {"code": "out_of_memory", "message": "there is not enough memory; a smaller size needs less"}
        else:
            answer["failure"] = {
                "code": "unexpected",
                "message": f"something unexpected went wrong ({type(error).__name__}: {error})",
            }


def _code(error: ImpastoError) -> str:
    """`InvalidSettings` → `invalid_settings`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__).lstrip("_")
