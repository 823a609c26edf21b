"""A run goes on from its checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from impasto import checkpoint as checkpoints
from impasto.errors import CheckpointError, InputError, OutputError
from impasto.files import check_place, in_folder, sweep
from impasto.images import check_target
from impasto.run.saved import restored
from impasto.run.target import Busy, Target, check_apart, locked
from impasto.run.to_file import ToFile, moved_beside, renamed
from impasto.storage.text import shown

if TYPE_CHECKING:
    from impasto.run.together import Together


@contextlib.contextmanager
def resumed(
    path: Path,
    *,
    out: str | None = None,
    overwrite: bool = False,
    record: bool = True,
    changed: Mapping[str, Any] = MappingProxyType({}),
    together: Together | None = None,
) -> Iterator[ToFile]:
    """Yield the run of a checkpoint, ready to go on; it is ours alone inside the context.

    Args:
        path: The checkpoint; any number of processes may have made it.
        out: Where the picture goes, a file or a folder; None is where the run was to write it, or beside a moved checkpoint.
        overwrite: Whether a file at `out` may be replaced.
        record: Whether the picture gets its manifest, if the run asked for it.
        changed: Settings that are others from here on: `device`, `precision`.
        together: The other processes that make this picture.

    Raises:
        CheckpointError: There is no checkpoint, it is damaged, or this machine has not what it asks for.
        OutputError: The run is at work already, or its place cannot be written.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {shown(path)}; give the .checkpoint file of a run")
    with contextlib.ExitStack() as stack:
        if out is None:
            stack.enter_context(locked(path))
            job = _job(path, None, record=record, changed=changed, together=together)
        else:
            job = _elsewhere(stack, path, out, overwrite=overwrite, record=record, changed=changed, together=together)
        sweep(job.target.picture.parent, job.target.own)
        check_target(job.target.picture, overwrite=True, bits=job.run.settings.bits)
        if job.target.losses is not None:
            check_place(job.target.losses)
        yield job


def _elsewhere(
    stack: contextlib.ExitStack,
    path: Path,
    out: str,
    *,
    overwrite: bool,
    record: bool,
    changed: Mapping[str, Any],
    together: Together | None,
) -> ToFile:
    """Return the run of a checkpoint for another place; the checkpoint may lie where nobody can write."""
    try:
        stack.enter_context(locked(path))
    except Busy:
        raise
    except OutputError:
        pass  # nobody can go on with it there
    name = path.stem + Path(str(checkpoints.read(path).facts.get("picture", ".png"))).suffix
    picture = in_folder(out, name)
    if picture.with_suffix(".checkpoint").absolute() != path.absolute():
        stack.enter_context(locked(picture))
    target = Target(picture, overwrite)
    taken = target.taken()
    if taken is not None and not overwrite and taken.absolute() != path.absolute():
        raise OutputError(f"{shown(taken)} exists; choose another name, or replace it with --overwrite", path=taken)
    job = _job(path, target, record=record, changed=changed, together=together)
    check_apart(job.target, job.run.inputs)
    return job


def _job(path: Path, elsewhere: Target | None, *, record: bool, changed: Mapping[str, Any], together: Together | None) -> ToFile:
    saved = checkpoints.read(path)
    facts = saved.facts
    try:
        losses = None if facts["losses"] is None else Path(facts["losses"])
        every_s, ours = float(facts["checkpoint_every_s"]), dict(facts["ours"])
        folder = path if elsewhere is None else elsewhere.picture
        run = restored(saved, scratch=folder.absolute().parent, changed=changed, together=together)
        target = Target(
            Path(facts["picture"]),
            facts["overwrite"],
            losses,
            run.settings.save_every is not None,
            record and facts.get("record", True),
        )
    except InputError as error:
        raise CheckpointError(f"{shown(path)} cannot be continued: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{shown(path)} is damaged ({type(error).__name__}: {error}); start the run anew") from None
    if elsewhere is None:
        target = moved_beside(path, target)
    else:
        target = replace(renamed(target, elsewhere.picture), overwrite=elsewhere.overwrite)
    return ToFile(run, target, checkpoint_every_s=every_s, ours=ours, begun_from=path)
