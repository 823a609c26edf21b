"""A run on disk, exactly: one safetensors file with the inputs' own bytes, the picture, the optimiser, and the record so far.

The inputs are inside, so a run continues even if the files it was given have moved.  Written to a temporary file and renamed: a
checkpoint is whole or absent, whenever the process dies.  Written from the memory of the tensors, since a long history at a large
size is gigabytes: the library's writer copies what is on another device all at once, and before its release 0.8 everything.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from impasto.errors import CheckpointError
from impasto.files import put_by
from impasto.storage.text import shown
from impasto.storage.utf8_path import utf8_path

FORMAT: Final = "impasto-checkpoint 3"
_INPUT: Final = "input."
_PART: Final = 1 << 22
"""Numbers that are written at once."""

_DTYPES: Final = {
    torch.float64: ("F64", "<f8"),
    torch.int64: ("I64", "<i8"),
    torch.float32: ("F32", "<f4"),
    torch.uint8: ("U8", "u1"),
    torch.bool: ("BOOL", "?"),
}
"""What safetensors and NumPy call the numbers that occur."""


@dataclass(frozen=True)
class Later:
    """A tensor that is fetched when it is written: several processes hold it, and none has room for all such."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    fetch: Callable[[], Tensor]

    def element_size(self) -> int:
        """Return how many bytes a number takes."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes that all numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Checkpoint:
    """`facts`: JSON values; `tensors`: by name; `inputs`: the encoded pictures by role."""

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor | Later]
    inputs: Mapping[str, bytes]


def write(path: Path, checkpoint: Checkpoint, *, rest: Callable[[Tensor], None] | None = None) -> None:
    """Put a checkpoint at a path in place of an older one, whole or not at all.

    Args:
        path: The checkpoint's file.
        checkpoint: What it holds.
        rest: Called with every part of a tensor that was written, so that memory which holds it can be given up.

    Raises:
        OutputError: It cannot be written.
    """
    put_by(path, lambda temporary: _save(temporary, checkpoint, rest or _keep), existing="replace")


def _save(path: Path, checkpoint: Checkpoint, rest: Callable[[Tensor], None]) -> None:
    """Write a safetensors file: the header's length as 8 bytes, the header as JSON, the tensors one after another."""
    # Wide numbers first, as in the library's own files, so that each tensor stands at a multiple of its numbers' width.
    tensors = dict(sorted(checkpoint.tensors.items(), key=lambda item: -item[1].element_size()))
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            raise TypeError(f"{name} is {tensor.dtype}; a checkpoint holds {', '.join(str(dtype) for dtype in _DTYPES)}")
    entries = [(name, _DTYPES[tensor.dtype][0], list(tensor.shape), tensor.nbytes) for name, tensor in tensors.items()]
    entries += [(_INPUT + role, "U8", [len(data)], len(data)) for role, data in checkpoint.inputs.items()]
    header: dict[str, Any] = {"__metadata__": {"format": FORMAT, "facts": json.dumps(checkpoint.facts)}}
    end = 0
    for name, dtype, shape, size in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in tensors.values():
            for part in _parts(tensor.fetch() if isinstance(tensor, Later) else tensor):
                file.write(part.numpy().astype(_DTYPES[tensor.dtype][1], copy=False).data)
                rest(part)
        for data in checkpoint.inputs.values():
            file.write(data)


def _parts(tensor: Tensor) -> Iterator[Tensor]:
    """Yield the tensor's numbers in order, in parts; they are copied only if they do not lie so in the computer's own memory."""
    numbers = tensor.detach().cpu().contiguous().view(-1)
    for start in range(0, numbers.numel(), _PART):
        yield numbers[start : start + _PART]


def _keep(part: Tensor) -> None:
    del part


def read(path: Path) -> Checkpoint:
    """Return the checkpoint at a path, whose tensors are read one by one when they are asked for.

    Raises:
        CheckpointError: The file is no checkpoint, or one of another version.
    """
    try:
        with utf8_path(path) as openable, safe_open(openable, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{shown(path)} is not a checkpoint of this version ({FORMAT}); give the .checkpoint file of a run"
                )
            names = list(file.keys())
            inputs = {
                name.removeprefix(_INPUT): file.get_tensor(name).numpy().tobytes() for name in names if name.startswith(_INPUT)
            }
            facts = json.loads(metadata["facts"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{shown(path)} cannot be read as a checkpoint: {error}; give the .checkpoint file of a run"
        ) from None
    return Checkpoint(facts, _Stored(path, [name for name in names if not name.startswith(_INPUT)]), inputs)


class _Stored(Mapping[str, Tensor]):
    """The tensors of a file, each read when it is asked for: together they may be more than memory holds."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names = path, names

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        with utf8_path(self._path) as openable, safe_open(openable, framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Renamed(Mapping[str, Tensor]):
    """Some of the tensors under other names, each read when it is asked for: together they may be more than memory holds."""

    def __init__(self, tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
        self._tensors, self._names = tensors, names

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
