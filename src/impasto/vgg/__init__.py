"""The network: `load("vgg19")` gives an object whose `features(rgb, layers)` are its activations."""

from __future__ import annotations

import os
from typing import Literal

import torch

from impasto.torch_modes import own_torch_modes
from impasto.vgg import weights as _weights
from impasto.vgg.architecture import ARCHITECTURES, VGG16, VGG19, Architecture
from impasto.vgg.features import Vgg

__all__ = ["ARCHITECTURES", "VGG16", "VGG19", "Architecture", "Vgg", "load"]


@own_torch_modes()
def load(
    name: str | os.PathLike[str] = "vgg19",
    *,
    pooling: Literal["max", "average"] = "max",
    convention: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Vgg:
    """Return the network of that name (embedded `vgg19`, or an imported one), or of a weights file in any known form.

    Raises WeightsError when the file is not what it should be.
    """
    found = _weights.load(name, convention=convention)
    return Vgg(found, pooling=pooling, device=device, dtype=dtype)
