"""Oxford's VGG-19, which comes with impasto: a file inside the package, and the reference by which unmarked
files are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def oxford_channels(
    architecture: Architecture, tensors: Mapping[str, Tensor]
) -> Literal["RGB", "BGR"] | None:
    """The channel order of the tensors when they are Oxford's VGG-19, else None.

    Every port of that network has the same numbers from conv1_2 on, of which a few filters a layer are looked
    at; only conv1_1 tells whether it was turned to RGB.  Most layers must agree, not all, so that a damaged
    copy is still held to its check values.
    """
    if architecture != VGG19:
        return None
    with embedded_file("vgg19") as path:
        genuine = safetensors.read(path).tensors
    deeper = [f"{name}.weight" for name in VGG19.layers[1:]]
    alike = sum(_alike(tensors[key][:4], genuine[key][:4]) for key in deeper)
    if 2 * alike <= len(deeper):
        return None
    first, reference = tensors["conv1_1.weight"], genuine["conv1_1.weight"]
    if _alike(first, reference):
        return "BGR"
    return "RGB" if _alike(first.flip(1), reference) else None


def _alike(tensor: Tensor, reference: Tensor) -> bool:
    """Equal up to the rounding of half precision, whose spacing near zero is 6e-8."""
    return torch.allclose(tensor, reference, rtol=1e-3, atol=1e-7)
