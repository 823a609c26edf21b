"""What a file of weights says: the numbers, and the input they were trained for.

Networks differ in the input they expect: a tensor enters as (x · range − mean) / std, with x: sRGB-encoded,
0..1, in the file's channel order.  Nothing in the numbers themselves says so, hence the convention travels
with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from impasto.vgg.architecture import Architecture


@dataclass(frozen=True)
class Convention:
    """The input of a network: `mean` and `std` stand in the file's channel order and in units of `range`."""

    channels: Literal["RGB", "BGR"]
    range: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


CONVENTIONS = {
    "caffe": Convention("BGR", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    "matconvnet": Convention("RGB", 255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
    "torchvision": Convention("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True)
class Weights:
    """The convolutions of a network.

    `tensors`: {"conv1_1.weight": float32 [out, in, 3, 3], "conv1_1.bias": float32 [out], …}, input channels
    in the order that `convention` names.  `sha256`: of the file they came from.  `notes`: what the file says
    of itself (licence, attribution, …).
    """

    architecture: Architecture
    convention: Convention
    tensors: dict[str, Tensor]
    sha256: str
    source: str
    notes: dict[str, str] = field(default_factory=dict)
