"""What every format comes down to: named convolutions, told apart as VGG-19 or VGG-16, with every shape
checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.vgg.architecture import ARCHITECTURES, VGG16, VGG19, Architecture
from impasto.vgg.parameters import Convention


@dataclass(frozen=True)
class Contents:
    """What a file holds; `convention` is None where the format does not tell."""

    architecture: Architecture
    tensors: dict[str, Tensor]
    convention: Convention | None
    source: str
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """The numbers of one convolution: `kernel` [out, in, 3, 3], `bias` [out], any floating-point type."""

    kernel: Tensor
    bias: Tensor


def from_hwio(kernel: Tensor) -> Tensor:
    """[H, W, in, out] → [out, in, H, W].

    H stays H: the `transpose(1, 0, 2, 3)` that many loaders copy from one another mirrors every filter at its
    diagonal.
    """
    return kernel.permute(3, 2, 0, 1)


def in_order(path: Path, pairs: Sequence[Pair]) -> dict[str, Pair]:
    """Names convolutions that a file only numbers; raises WeightsError when their count is that of no known
    network.
    """
    for architecture in ARCHITECTURES.values():
        if len(architecture.layers) == len(pairs):
            return dict(zip(architecture.layers, pairs, strict=True))
    known = ", ".join(f"{a.name} has {len(a.layers)}" for a in ARCHITECTURES.values())
    raise WeightsError(f"{path} holds {len(pairs)} convolutions, but {known}; give a file of one of these", path=path)


def assemble(path: Path, pairs: Mapping[str, Pair]) -> tuple[Architecture, dict[str, Tensor]]:
    """The network that convolutions named as in the paper make up, and its tensors: own memory, float32,
    contiguous.

    Raises WeightsError when a layer is missing, unknown, of another shape, or not made of floating-point
    numbers.
    """
    architecture = VGG19 if set(pairs) & (set(VGG19.layers) - set(VGG16.layers)) else VGG16
    missing = [name for name in architecture.layers if name not in pairs]
    unknown = [name for name in pairs if name not in architecture.layers]
    if missing:
        raise WeightsError(
            f"{path} lacks {_some(missing)} of {architecture.name}; give a complete file",
            path=path,
            missing=missing,
        )
    if unknown:
        raise WeightsError(
            f"{path} holds {_some(unknown)}, which {architecture.name} does not have; only VGG-19 and VGG-16 are known",
            path=path,
            unknown=unknown,
        )
    tensors: dict[str, Tensor] = {}
    for conv in architecture.convs:
        pair = pairs[conv.name]
        shape = (conv.channels_out, conv.channels_in, 3, 3)
        tensors[f"{conv.name}.weight"] = _checked(path, f"{conv.name}.weight", pair.kernel, shape)
        tensors[f"{conv.name}.bias"] = _checked(path, f"{conv.name}.bias", pair.bias, shape[:1])
    return architecture, tensors


def _checked(path: Path, name: str, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tuple(tensor.shape) != shape:
        raise WeightsError(
            f"{path}: {name} should have the shape {_times(shape)} but has {_times(tensor.shape)}; "
            f"only VGG-19 and VGG-16 without batch normalisation are known",
            path=path,
            tensor=name,
        )
    if not tensor.is_floating_point():
        raise WeightsError(
            f"{path}: {name} should hold floating-point numbers but holds {tensor.dtype}",
            path=path,
            tensor=name,
        )
    # A copy, so that nothing leans on a mapped file that may be removed or replaced.
    return tensor.detach().to("cpu", torch.float32, copy=True).contiguous()


def _times(shape: Sequence[int]) -> str:
    return "×".join(str(side) for side in shape) if shape else "of a single number"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
