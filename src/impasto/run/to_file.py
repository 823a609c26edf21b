"""A run that ends in a file and loses nothing on the way: names, locks, checkpoints, intermediate pictures, interruption.

Of one output name, `output/cat_monet.png`, follow all others: `cat_monet.png.json` (manifest), `cat_monet-0100.png`
(intermediate),
`cat_monet.checkpoint` (while unfinished), `.cat_monet.lock` (while running).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from impasto import checkpoint as checkpoints
from impasto.errors import CheckpointError, InputError, OutputError
from impasto.files import make_folder
from impasto.images import check_target, read, unique, write
from impasto.manifest import sidecar
from impasto.run import losses_file
from impasto.run.api import network_for
from impasto.run.engine import Run, Step
from impasto.run.inputs import Inputs, from_roles
from impasto.run.result import Result, result_of
from impasto.settings import parse

FOLDER: Final = Path("output")
CHECKPOINT_EVERY_S: Final = 60.0
_CHECKPOINT_SHARE: Final = 0.05
"""Checkpoints take at most about this share of the time, however large they are."""


@dataclass(frozen=True)
class Target:
    """Where a run writes."""

    picture: Path
    overwrite: bool = False
    losses: Path | None = None

    @property
    def checkpoint(self) -> Path:
        """The checkpoint while the run is unfinished."""
        return self.picture.with_suffix(".checkpoint")

    @property
    def lock(self) -> Path:
        """The lock while the run is at work."""
        return self.picture.with_name(f".{self.picture.stem}.lock")

    def intermediate(self, step: int) -> Path:
        """The intermediate picture of a step."""
        return self.picture.with_name(f"{self.picture.stem}-{step:04d}{self.picture.suffix}")

    def taken(self) -> Path | None:
        """A file that an earlier run under this name left, or None."""
        for path in (self.picture, self.checkpoint, sidecar(self.picture)):
            if os.path.lexists(path):
                return path
        pattern = re.compile(re.escape(self.picture.stem) + r"-\d{4,}" + re.escape(self.picture.suffix))
        return next((path for path in self.picture.parent.glob("*-*") if pattern.fullmatch(path.name)), None)


@dataclass(frozen=True)
class Outcome:
    """How a run to a file ended; `picture` is None when it was stopped before its first evaluation."""

    picture: Path | None
    checkpoint: Path | None
    result: Result | None
    finished: bool
    warnings: list[str] = field(default_factory=list)


def check_apart(target: Target, inputs: Inputs) -> None:
    """Raises OutputError when the picture or the losses would replace an input, or each other, whatever may be overwritten."""
    sources = {Path(path).expanduser().resolve() for path in inputs.paths.values() if path is not None}
    written = [target.picture, *([] if target.losses is None else [target.losses])]
    for path in written:
        if path.resolve() in sources:
            raise OutputError(f"{path} is an input of this run; choose another name, so that it is not lost", path=path)
    if len({path.resolve() for path in written}) < len(written):
        raise OutputError(f"picture and losses would both be {target.picture}; choose another name for one", path=target.picture)


def default_picture(inputs: Inputs, folder: Path = FOLDER) -> Path:
    """output/CONTENT_STYLE.png; long names are cut."""
    stem = "_".join(picture.name for picture in (inputs.content, *inputs.styles))
    return folder / f"{stem.encode()[:120].decode(errors='ignore').strip() or 'picture'}.png"


@contextlib.contextmanager
def claim(target: Target, *, named_by_user: bool, bits: int) -> Iterator[Target]:
    """The target, ours alone while inside: as named by the user, or made unique.  Raises OutputError before any work."""
    if target.losses is not None and not target.overwrite and os.path.lexists(target.losses):
        raise _exists(target.losses)
    base, number = target.picture, 1
    while True:
        lock = _lock(target, named_by_user=named_by_user, bits=bits)
        if lock is not None:
            taken = None if target.overwrite else target.taken()
            if taken is None:
                break
            _release(lock, target)
            if named_by_user:
                raise _exists(taken)
        number += 1
        target = Target(base.with_stem(f"{base.stem}-{number}"), target.overwrite, target.losses)
    try:
        yield target
    finally:
        _release(lock, target)


def _lock(target: Target, *, named_by_user: bool, bits: int) -> FileLock | None:
    """The lock of a target whose place can be written; None when another run holds it and the name is ours to change."""
    check_target(target.picture, overwrite=True, bits=bits)
    make_folder(target.picture.parent)
    if target.losses is not None:
        make_folder(target.losses.parent)
    lock = FileLock(target.lock, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        if named_by_user:
            raise _unclaimed(target, error) from None
        return None
    except OSError as error:
        raise _unclaimed(target, error) from None
    return lock


def _release(lock: FileLock, target: Target) -> None:
    lock.release()
    with contextlib.suppress(OSError):
        target.lock.unlink(missing_ok=True)


def _unclaimed(target: Target, error: Exception) -> OutputError:
    if isinstance(error, Timeout):
        return OutputError(
            f"another run is writing {target.picture} now; wait for it, or choose another name with -o",
            path=target.picture,
        )
    reason = error.strerror if isinstance(error, OSError) else error
    return OutputError(
        f"{target.picture.parent} cannot be written: {reason}; choose another place with -o",
        path=target.picture,
    )


def _exists(taken: Path) -> OutputError:
    if taken.suffix == ".checkpoint":
        return OutputError(
            f"{taken} holds an interrupted run of that name; continue it with `impasto resume {taken}`, "
            f"choose another name with -o, or start anew with --overwrite",
            path=taken,
        )
    return OutputError(f"{taken} exists; choose another name, or replace it with --overwrite", path=taken)


class ToFile:
    """Drives a run to its file."""

    def __init__(
        self,
        run: Run,
        target: Target,
        *,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        partial_sha256: str | None = None,
    ) -> None:
        self.run = run
        self.target = target
        self._every_s = checkpoint_every_s
        self._partial_sha256 = partial_sha256
        self._warnings: list[str] = []
        self._checkpoint_cost_s = 0.0

    def make(self, *, stop: Callable[[], bool] = lambda: False, on_step: Callable[[Step], object] = lambda _: None) -> Outcome:
        """Runs to the end, or until `stop`; writes the picture so far and a checkpoint in that case.

        Raises RunError, and OutputError when the result cannot be written; a checkpoint stays then.
        """
        saved = time.monotonic()
        while not self.run.finished and not stop():
            step = self.run.advance()
            self._intermediate(step)
            on_step(step)
            pause = max(self._every_s, self._checkpoint_cost_s / _CHECKPOINT_SHARE)
            if not self.run.finished and time.monotonic() - saved >= pause:
                self._try_checkpoint()
                saved = time.monotonic()
        if not self.run.finished and self.run.best is None:
            return Outcome(None, None, None, finished=False, warnings=self._warnings)
        return self._finish()

    def _finish(self) -> Outcome:
        if not self.run.finished:
            self._checkpoint()  # first, so that a full disk costs the picture, which can be made again, and not the work
        result = result_of(self.run)
        picture = self._write_picture(result)
        if self.target.losses is not None:
            losses_file.write(self.target.losses, self.run.records, existing="replace")
        if self.run.finished:
            self.target.checkpoint.unlink(missing_ok=True)
            return Outcome(picture, None, result, finished=True, warnings=self._warnings)
        self._partial_sha256 = _sha256(picture)
        self._checkpoint()
        return Outcome(picture, self.target.checkpoint, result, finished=False, warnings=self._warnings)

    def _write_picture(self, result: Result) -> Path:
        target = self.target.picture
        # What stands there may be replaced if the user said so, or if it is our own unfinished picture.
        replace = self.target.overwrite or (self._partial_sha256 is not None and _sha256(target) in {None, self._partial_sha256})
        if not replace and os.path.lexists(target):
            target = unique(target)
            self._warn(f"{self.target.picture} is another file now; it is kept, and the picture is {target}")
        try:
            return result.save(target, overwrite=replace)
        except OutputError:
            if self.run.finished:
                # The work of the whole run is in memory: keep it where it can be continued from.
                with contextlib.suppress(OutputError):
                    self._checkpoint()
            raise

    def _intermediate(self, step: Step) -> None:
        every = self.run.settings.save_every
        if every is None or step.step == 0 or step.step % every or self.run.finished:
            return
        rgb = step.rgb[0].clamp(0, 1).float().cpu()
        try:
            write(self.target.intermediate(step.step), rgb, quality=self.run.settings.quality, overwrite=True)
        except OutputError as error:
            self._warn(f"an intermediate picture is missing: {error}")

    def _try_checkpoint(self) -> None:
        try:
            self._checkpoint()
        except OutputError as error:
            self._warn(f"no checkpoint now: {error}")

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)

    def _checkpoint(self) -> None:
        begun = time.monotonic()
        facts, tensors = self.run.state()
        inputs = self.run.inputs
        everything: dict[str, Any] = {
            "settings": self.run.settings.model_dump(mode="json"),
            "weights_sha256": self.run.vgg.weights.sha256,
            "run": facts,
            "names": {role: picture.name for role, picture in inputs.roles().items()},
            "paths": dict(inputs.paths),
            "picture": str(self.target.picture.absolute()),
            "overwrite": self.target.overwrite,
            "losses": None if self.target.losses is None else str(self.target.losses.absolute()),
            "partial_sha256": self._partial_sha256,
            "checkpoint_every_s": self._every_s,
        }
        encoded = {role: picture.encoded for role, picture in inputs.roles().items()}
        checkpoints.write(self.target.checkpoint, checkpoints.Checkpoint(everything, tensors, encoded))
        self._checkpoint_cost_s = time.monotonic() - begun


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


@contextlib.contextmanager
def resumed(path: Path) -> Iterator[ToFile]:
    """The run of a checkpoint, ready to go on; ours alone while inside.  Raises CheckpointError, or OutputError when it is at
    work.
    """
    saved = checkpoints.read(path)
    try:
        facts = dict(saved.facts)
        settings = parse(facts["settings"])
        pictures = {
            role: read(saved.inputs[role], role=role.partition(".")[0], name=name, max_pixels=settings.max_pixels)
            for role, name in facts["names"].items()
        }
        losses = None if facts["losses"] is None else Path(facts["losses"])
        target = Target(Path(facts["picture"]), facts["overwrite"], losses)
        every_s = float(facts["checkpoint_every_s"])
        inputs = from_roles(pictures, facts["paths"])
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be continued: {error}") from None
    if path.absolute() != target.checkpoint:
        # The checkpoint was moved: its results belong beside it.
        target = Target(path.absolute().with_name(path.stem + target.picture.suffix), target.overwrite, target.losses)
    vgg = network_for(settings)
    if vgg.weights.sha256 != facts["weights_sha256"]:
        raise CheckpointError(
            f"{path} was made with other weights ({facts['weights_sha256'][:12]}…) than {settings.network} has now "
            f"({vgg.weights.sha256[:12]}…); bring the old ones back"
        )
    run = Run(settings, inputs, vgg)
    run.restore(facts["run"], saved.tensors)
    lock = FileLock(target.lock, blocking=False)
    try:
        lock.acquire()
    except (Timeout, OSError) as error:
        raise _unclaimed(target, error) from None
    try:
        yield ToFile(run, target, checkpoint_every_s=every_s, partial_sha256=facts["partial_sha256"])
    finally:
        _release(lock, target)
