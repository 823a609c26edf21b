"""safetensors: impasto's canonical form, which carries its convention, and files with torchvision's keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from impasto.errors import WeightsError
from impasto.storage.utf8_path import utf8_path
from impasto.vgg.formats.contents import Contents, assemble
from impasto.vgg.formats.keys import named_pairs
from impasto.vgg.parameters import Convention, Weights

FORMAT = "impasto-vgg 1"
_KNOWN = ("format", "architecture", "channels", "range", "mean", "std", "source")


def read(path: Path) -> Contents:
    """Return the convolutions of a safetensors file; raise WeightsError when it is damaged or another network."""
    try:
        with utf8_path(path) as openable, safe_open(openable, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            # `keys` is a method here, and the file is not a mapping.
            pairs = named_pairs(path, list(file.keys()), file.get_tensor)
            architecture, tensors = assemble(path, pairs)
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from None
    own = metadata.get("format", "").startswith("impasto-vgg ")
    notes = {key: value for key, value in metadata.items() if key not in _KNOWN} if own else {}
    return Contents(
        architecture,
        tensors,
        _convention(path, metadata) if own else None,
        metadata["source"] if own and "source" in metadata else path.name,
        notes,
    )


def read_some(path: Path, keys: Sequence[str]) -> dict[str, Tensor]:
    """Return tensors of a canonical file by key, float32, the rest unread; raise WeightsError when it is damaged."""
    try:
        with utf8_path(path) as openable, safe_open(openable, framework="pt") as file:
            return {key: file.get_tensor(key).float() for key in keys}
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} is a damaged safetensors file ({error}); get it again", path=path)


def _convention(path: Path, metadata: dict[str, str]) -> Convention:
    if metadata["format"] != FORMAT:
        raise WeightsError(
            f"{path} is of the form {metadata['format']!r}, but this version of impasto reads {FORMAT!r}; "
            f"import the original again",
            path=path,
        )
    try:
        if metadata["channels"] not in {"RGB", "BGR"}:
            raise ValueError(metadata["channels"])
        channels = cast(Literal["RGB", "BGR"], metadata["channels"])
        return Convention(channels, float(metadata["range"]), _three(metadata["mean"]), _three(metadata["std"]))
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} does not describe its input rightly ({error}); import the original again", path=path
        ) from None


def _three(text: str) -> tuple[float, float, float]:
    first, second, third = (float(part) for part in text.split(","))
    return first, second, third


def canonical_bytes(weights: Weights, *, dtype: torch.dtype = torch.float32) -> bytes:
    """The canonical file: the same weights give the same bytes, always."""
    convention = weights.convention
    metadata = {
        "format": FORMAT,
        "architecture": weights.architecture.name,
        "channels": convention.channels,
        "range": f"{convention.range:g}",
        "mean": ",".join(repr(value).removesuffix(".0") for value in convention.mean),
        "std": ",".join(repr(value).removesuffix(".0") for value in convention.std),
        "source": weights.source,
        **weights.notes,
    }
    return _sorted(save({key: tensor.to(dtype) for key, tensor in weights.tensors.items()}, metadata=metadata))


def _sorted(data: bytes) -> bytes:
    """The same file with its metadata in order: safetensors keeps them in a hash map, whose order changes
    from run to run.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
