"""A run that ends in a file and loses nothing on the way: checkpoints, intermediate pictures, interruption, full disks."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from impasto.errors import NoProgress, OutputError, PeerLost, RecordError
from impasto.files import other_folders
from impasto.images import write
from impasto.manifest import sidecar
from impasto.run import losses_file
from impasto.run.engine import Run
from impasto.run.result import Result, alpha_at, dpi_of, result_of
from impasto.run.saved import save
from impasto.run.step import Step
from impasto.run.target import Target, resume_command

T = TypeVar("T")

CHECKPOINT_EVERY_S: Final = 60.0
_CHECKPOINT_SHARE: Final = 0.05
"""Checkpoints take at most about this share of the time, however large they are."""


@dataclass(frozen=True)
class Outcome:
    """How a run to a file ended; `picture` is None when it was stopped before its first evaluation."""

    picture: Path | None
    checkpoint: Path | None
    result: Result | None
    finished: bool
    warnings: list[str] = field(default_factory=list)


class ToFile:
    """A run on its way to its file."""

    def __init__(
        self,
        run: Run,
        target: Target,
        *,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        ours: dict[str, str] | None = None,
        begun_from: Path | None = None,
    ) -> None:
        """Prepare a run for its file.

        Args:
            run: The run, at any step.
            target: Where it writes.
            checkpoint_every_s: Seconds between two checkpoints, if they cost little.
            ours: The sha256 by path of files that an earlier part of this run wrote, and that this one may replace.
            begun_from: The checkpoint that an earlier part left; it goes when the run is finished.
        """
        self.run = run
        self.run.scratch = target.picture.absolute().parent  # there is room for the checkpoint there
        self.target = target
        self._every_s = checkpoint_every_s
        self._ours = dict(ours or {})
        self._warnings: list[str] = []
        self._on_warning: Callable[[str], object] = lambda _: None
        self._checkpoint_cost_s = 0.0
        self._begun_from = () if begun_from is None else (begun_from,)

    def make(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_step: Callable[[Step], object] = lambda _: None,
        on_warning: Callable[[str], object] = lambda _: None,
    ) -> Outcome:
        """Run to the end, or until `stop` answers True; then write the picture so far and a checkpoint.

        Whatever ends it after the first step leaves a picture, or a checkpoint that `resumed` can end.  Where none can be written
        beside the picture, it goes to the working folder, the folder for temporary files or the home.  What `on_step` and
        `on_warning` raise is ignored: telling does not change the work.

        Raises:
            RunError: The optimisation failed.
            OutputError: The result cannot be written; a note on the error, or its message, says where the work is kept.
        """
        self._on_warning = on_warning
        try:
            self._advance(stop, on_step)
            if not self.run.finished and not self.run.has_picture:
                return Outcome(None, None, None, finished=False, warnings=self._warnings)
            return self._finish()
        except PeerLost as error:
            raise self._lost(error) from None
        except NoProgress:
            raise
        except BaseException as error:
            kept = self._kept()
            if kept is not None:
                error.add_note(f"the work is kept, go on with `{resume_command(kept)}`")
            raise

    def _advance(self, stop: Callable[[], bool], on_step: Callable[[Step], object]) -> None:
        # Any of several processes may be lost, and with it what only it has: then there is a checkpoint from the first step on.
        saved = time.monotonic() if self.run.together is None else -math.inf
        while not self.run.finished and not stop():
            step = self.run.advance()
            if step.note is not None:
                self._warn(step.note)
            self._intermediate(step)
            _told(on_step, step)
            del step  # its picture is not needed while the next one is evaluated, and at large sizes it is a gigabyte
            pause = max(self._every_s, self._checkpoint_cost_s / _CHECKPOINT_SHARE)
            if not self.run.finished and time.monotonic() - saved >= pause:
                self._try_checkpoint()
                saved = time.monotonic()

    def _lost(self, error: PeerLost) -> PeerLost:
        """Return the error with what can be done: the checkpoint that there is holds all processes' parts."""
        path = self.target.checkpoint
        if not path.is_file():
            return PeerLost(f"{error}; there is no checkpoint yet, start the run anew", **error.data)
        return PeerLost(
            f"{error}; go on from the last checkpoint, with any number of processes: {resume_command(path)}", **error.data
        )

    def _finish(self) -> Outcome:
        if not self.run.finished:
            self._checkpoint()  # first, so that a full disk costs the picture, which can be made again, and not the work
        result = result_of(self.run)
        picture = self._write_picture(result)
        self._write_losses()
        if self.run.finished:
            for path in {self.target.checkpoint, *self._begun_from}:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            return Outcome(picture, None, result, finished=True, warnings=self._warnings)
        self._checkpoint()
        return Outcome(picture, self.target.checkpoint, result, finished=False, warnings=self._warnings)

    def _kept(self) -> Path | None:
        """Write a checkpoint wherever that is possible, and return its path; None where there is nothing to keep, or no place."""
        if not self.run.has_picture or (self.run.together is not None and not self.run.together.shards.whole):
            return None
        for folder in (None, *other_folders()):
            path = self.target.checkpoint if folder is None else folder / self.target.checkpoint.name
            if folder is not None and path.exists():
                continue
            with contextlib.suppress(Exception):
                self._checkpoint(path)
                return path
        return self.target.checkpoint if self.target.checkpoint.is_file() else None

    def _write_picture(self, result: Result) -> Path:
        target = self.target.picture
        replaces = self._may_replace(target)
        if not replaces and (os.path.lexists(target) or os.path.lexists(sidecar(target))):
            target = next(path for path in map(self._numbered, itertools.count(2)) if self._free(path))
            self._warn(f"{self.target.picture} is another file now; it is kept, and the picture is {target}")
        try:
            result.save(target, overwrite=replaces, record=self.target.record)
        except RecordError as error:
            self._warn(str(error))
        except (OutputError, MemoryError):
            raise
        except Exception as error:
            # The record is an aid: a picture that cannot carry it is written without.
            self._warn(f"the picture holds no record of its making: {type(error).__name__}: {error}")
            result.save(target, overwrite=replaces, record=False)
        self._remember(target)
        return target

    def _numbered(self, number: int) -> Path:
        return self.target.numbered(number).picture

    @staticmethod
    def _free(path: Path) -> bool:
        return not os.path.lexists(path) and not os.path.lexists(sidecar(path))

    def _write_losses(self) -> None:
        losses = self.target.losses
        if losses is None:
            return
        try:
            losses_file.write(losses, self.run.records, existing="replace" if self._may_replace(losses) else "keep")
            self._remember(losses)
        except Exception as error:
            self._warn(f"the losses are missing: {in_words(error)}")

    def _may_replace(self, path: Path) -> bool:
        """Return whether what stands there may be replaced: by the user's word, or as this run's own file."""
        if self.target.overwrite:
            return True
        return str(path.absolute()) in self._ours and _sha256(path) in {None, self._ours[str(path.absolute())]}

    def _remember(self, path: Path) -> None:
        sha256 = _sha256(path)
        if sha256 is not None:
            self._ours[str(path.absolute())] = sha256

    def _intermediate(self, step: Step) -> None:
        settings = self.run.settings
        if settings.save_every is None or step.step == 0 or step.step % settings.save_every or self.run.finished:
            return
        try:
            write(
                self.target.intermediate(step.step),
                self.run.finished_picture(step.picture[0].clamp(0, 1).float().cpu()),
                alpha=alpha_at(self.run, step.size),
                bits=settings.bits,
                quality=settings.quality,
                dpi=dpi_of(self.run),
                overwrite=True,
            )
        except PeerLost:
            raise
        except Exception as error:
            self._warn(f"an intermediate picture is missing: {in_words(error)}")

    def _try_checkpoint(self) -> None:
        try:
            self._checkpoint()
        except PeerLost:
            raise
        except Exception as error:
            self._warn(f"no checkpoint now: {in_words(error)}")

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)
            _told(self._on_warning, text)

    def _checkpoint(self, path: Path | None = None) -> None:
        begun = time.monotonic()
        more = {
            "picture": str(self.target.picture.absolute()),
            "overwrite": self.target.overwrite,
            "record": self.target.record,
            "losses": None if self.target.losses is None else str(self.target.losses.absolute()),
            "ours": self._ours,
            "checkpoint_every_s": self._every_s,
        }
        save(self.run, self.target.checkpoint if path is None else path, more)
        self._checkpoint_cost_s = time.monotonic() - begun


def in_words(error: BaseException) -> str:
    """Return one line for an error: its first line, or the name of its kind."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _told(tell: Callable[[T], object], what: T) -> None:
    """Tell somebody; that it fails, even by SystemExit (rich's answer to a reader who went away), changes nothing."""
    with contextlib.suppress(Exception, SystemExit):
        tell(what)


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def moved_beside(checkpoint: Path, target: Target) -> Target:
    """Return the target of a checkpoint: as recorded, or beside the checkpoint where that was moved, so that nothing is written
    elsewhere.
    """
    if checkpoint.absolute() == target.checkpoint:
        return target
    return renamed(target, checkpoint.absolute().with_name(checkpoint.stem + target.picture.suffix))


def renamed(target: Target, picture: Path) -> Target:
    """Return the target for another picture's name; the losses go beside it, and nothing that exists is replaced."""
    losses = None if target.losses is None else picture.with_name(target.losses.name)
    return replace(target, picture=picture, losses=losses, overwrite=False)
