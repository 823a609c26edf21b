"""A run to a checkpoint and back: the state, and all that the run was made from, so that it goes on wherever the file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from impasto import checkpoint as checkpoints
from impasto.errors import CheckpointError
from impasto.run.api import network_for
from impasto.run.engine import Run
from impasto.run.inputs import decoded
from impasto.settings import parse
from impasto.vgg import Vgg

if TYPE_CHECKING:
    from impasto.run.together import Together


def save(run: Run, path: Path, more: Mapping[str, Any]) -> None:
    """Put a checkpoint of a run at a path, with more facts beside its own; raise OutputError where it cannot be written."""
    facts, tensors = run.state()
    inputs = run.inputs
    everything: dict[str, Any] = {
        "settings": run.settings.model_dump(mode="json"),
        "weights_sha256": run.vgg.weights.sha256,
        "precision": run.vgg.precision,
        "run": facts,
        "names": {role: picture.name for role, picture in inputs.roles().items()},
        "paths": dict(inputs.paths),
        **more,
    }
    encoded = {role: picture.encoded for role, picture in inputs.roles().items()}
    checkpoints.write(path, checkpoints.Checkpoint(everything, tensors, encoded), rest=run.rest)


def restored(
    saved: checkpoints.Checkpoint,
    *,
    scratch: Path | None,
    vgg: Vgg | None = None,
    changed: Mapping[str, Any] = MappingProxyType({}),
    together: Together | None = None,
) -> Run:
    """Return the run of a checkpoint, where it was.

    Args:
        saved: The checkpoint.
        scratch: The folder for vectors that do not fit into memory; None is that for temporary files.
        vgg: The run's network, if it is at hand.
        changed: Settings that are others from here on: `device`, `precision`.
        together: The other processes that make this picture.

    Raises:
        CheckpointError: The weights are others; also the reader's errors.
        InvalidSettings: This machine has not the device or the precision.
        KeyError, TypeError, ValueError: The checkpoint is damaged; and the like.
    """
    facts = saved.facts
    settings = parse({**facts["settings"], **changed})
    inputs = decoded(saved.inputs, facts["names"], facts["paths"], settings)
    vgg = network_for(settings, changed.get("precision", facts["precision"])) if vgg is None else vgg
    if vgg.weights.sha256 != str(facts["weights_sha256"]):
        raise CheckpointError(
            f"it was made with other weights ({facts['weights_sha256'][:12]}…) than {settings.network} has now "
            f"({vgg.weights.sha256[:12]}…); bring the old ones back"
        )
    run = Run(settings, inputs, vgg, together=together)
    run.scratch = scratch
    tensors = cast("Mapping[str, Tensor]", saved.tensors)  # read ones are there
    if together is None:
        run.restore(facts["run"], tensors)
    else:
        from impasto.run.serve import hand_out, restore

        hand_out(together, run)
        restore(together, run, facts["run"], tensors)
    return run
