"""A run on disk, exactly: one safetensors file with the inputs' own bytes, the picture, the optimiser, and the record so far.

The inputs are inside, so a run continues even if the files it was given have moved.  Written to a temporary file and renamed: a
checkpoint is whole or absent, whenever the process dies.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from impasto.errors import CheckpointError
from impasto.files import put_by

FORMAT: Final = "impasto-checkpoint 2"
_INPUT: Final = "input."


@dataclass(frozen=True)
class Checkpoint:
    """`facts`: JSON values; `tensors`: by name; `inputs`: the encoded pictures by role."""

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    inputs: Mapping[str, bytes]


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Puts a checkpoint at path in place of an older one, whole or not at all.  Raises OutputError when it cannot be written."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    for role, data in checkpoint.inputs.items():
        tensors[_INPUT + role] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    metadata = {"format": FORMAT, "facts": json.dumps(checkpoint.facts)}
    # Written by the library straight to the file: a long history at a large size is gigabytes.
    put_by(path, lambda temporary: _save(tensors, temporary, metadata), existing="replace")


def _save(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        # The library wraps the system's error in words of its own.
        full = "space" in str(error) or "quota" in str(error).lower()
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from None


def read(path: Path) -> Checkpoint:
    """The checkpoint at path; raises CheckpointError when it is none, or of another version."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} is not a checkpoint of this version ({FORMAT}); give the .checkpoint file of a run"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            facts = json.loads(metadata["facts"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}; give the .checkpoint file of a run") from None
    inputs = {name.removeprefix(_INPUT): tensors.pop(name).numpy().tobytes() for name in list(tensors) if name.startswith(_INPUT)}
    return Checkpoint(facts, tensors, inputs)
