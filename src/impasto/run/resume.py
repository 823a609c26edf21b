"""A run goes on from its checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from torch import Tensor

from impasto import checkpoint as checkpoints
from impasto.errors import CheckpointError, InputError
from impasto.files import check_place, sweep
from impasto.images import check_target
from impasto.run.api import network_for
from impasto.run.engine import Run
from impasto.run.inputs import decoded
from impasto.run.target import Target, locked
from impasto.run.to_file import ToFile, moved_beside
from impasto.settings import parse

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
        settings = parse(facts["settings"])
        inputs = decoded(saved.inputs, facts["names"], facts["paths"], settings)
        losses = None if facts["losses"] is None else Path(facts["losses"])
        target = Target(Path(facts["picture"]), facts["overwrite"], losses, settings.save_every is not None)
        every_s, ours, weights_sha256 = float(facts["checkpoint_every_s"]), dict(facts["ours"]), str(facts["weights_sha256"])
        vgg = network_for(settings, facts["precision"])
        if vgg.weights.sha256 != weights_sha256:
            raise CheckpointError(
                f"it was made with other weights ({weights_sha256[:12]}…) than {settings.network} has now "
                f"({vgg.weights.sha256[:12]}…); bring the old ones back"
            )
        run = Run(settings, inputs, vgg, together=together)
        run.scratch = path.absolute().parent
        _restore(run, saved, together)
    except InputError as error:
        raise CheckpointError(f"{path} cannot be continued: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__}: {error}); start the run anew") from None
    return ToFile(run, moved_beside(path, target), checkpoint_every_s=every_s, ours=ours)


def _restore(run: Run, saved: checkpoints.Checkpoint, together: Together | None) -> None:
    tensors = cast("Mapping[str, Tensor]", saved.tensors)  # read ones are there
    if together is None:
        run.restore(saved.facts["run"], tensors)
    else:
        from impasto.run.serve import hand_out, restore

        hand_out(together, run)
        restore(together, run, saved.facts["run"], tensors)
