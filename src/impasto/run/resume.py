"""A run goes on from its checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from impasto import checkpoint as checkpoints
from impasto.errors import CheckpointError, InputError
from impasto.files import check_place, sweep
from impasto.images import check_target
from impasto.run.saved import restored
from impasto.run.target import Target, locked
from impasto.run.to_file import ToFile, moved_beside

if TYPE_CHECKING:
    from impasto.run.together import Together


@contextlib.contextmanager
def resumed(path: Path, *, together: Together | None = None) -> Iterator[ToFile]:
    """The run of a checkpoint, ready to go on; ours alone while inside.  Any number of processes may have made it.

    Raises CheckpointError, or OutputError when it is at work already or its place cannot be written.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; give the .checkpoint file of a run")
    with locked(path):
        job = _job(path, together)
        sweep(job.target.picture.parent, job.target.own)
        check_target(job.target.picture, overwrite=True, bits=job.run.settings.bits)
        if job.target.losses is not None:
            check_place(job.target.losses)
        yield job


def _job(path: Path, together: Together | None) -> ToFile:
    saved = checkpoints.read(path)
    facts = saved.facts
    try:
        losses = None if facts["losses"] is None else Path(facts["losses"])
        every_s, ours = float(facts["checkpoint_every_s"]), dict(facts["ours"])
        run = restored(saved, scratch=path.absolute().parent, together=together)
        target = Target(Path(facts["picture"]), facts["overwrite"], losses, run.settings.save_every is not None)
    except InputError as error:
        raise CheckpointError(f"{path} cannot be continued: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__}: {error}); start the run anew") from None
    return ToFile(run, moved_beside(path, target), checkpoint_every_s=every_s, ours=ours)
