"""Oxford's VGG-19, which comes with impasto: a file inside the package, and the reference by which unmarked
files are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from impasto.vgg.architecture import VGG19, Architecture
from impasto.vgg.formats import safetensors

EMBEDDED = ("vgg19",)


@contextmanager
def embedded_file(name: str) -> Iterator[Path]:
    """The file of an embedded network, as a path even when the package lies in a zip."""
    with as_file(files("impasto.vgg").joinpath("data", f"{name}.safetensors")) as path:
        yield path


def is_oxford(architecture: Architecture, tensors: Mapping[str, Tensor]) -> bool:
    """Whether the tensors mean to be Oxford's VGG-19: most of its biases are theirs.

    Biases, because they survive what may go wrong with kernels (channels turned, height and width exchanged);
    most, not all, so that a damaged copy is still held to its check values.
    """
    if architecture != VGG19:
        return False
    keys = [f"{name}.bias" for name in VGG19.layers]
    genuine = _genuine(keys)
    return 2 * sum(_alike(tensors[key], genuine[key]) for key in keys) > len(keys)


def oxford_channels(architecture: Architecture, tensors: Mapping[str, Tensor]) -> Literal["RGB", "BGR"] | None:
    """The channel order of the tensors when they are Oxford's VGG-19, else None; conv1_1 alone depends on it."""
    if not is_oxford(architecture, tensors):
        return None
    first = tensors["conv1_1.weight"]
    reference = _genuine(["conv1_1.weight"])["conv1_1.weight"]
    if _alike(first, reference):
        return "BGR"
    return "RGB" if _alike(first.flip(1), reference) else None


def _genuine(keys: Sequence[str]) -> dict[str, Tensor]:
    with embedded_file("vgg19") as path:
        return safetensors.read_some(path, keys)


def _alike(tensor: Tensor, reference: Tensor) -> bool:
    """Equal up to the rounding of half precision, whose spacing near zero is 6e-8."""
    return torch.allclose(tensor, reference, rtol=1e-3, atol=1e-7)
