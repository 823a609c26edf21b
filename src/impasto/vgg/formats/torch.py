"""PyTorch .pth, zip and legacy pickle: torchvision's networks, and Caffe's converted.  The keys do not tell
the two apart.

A pickle can run code when it is read.  Hence only PyTorch's restricted unpickler is used, which refuses all
but tensors.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.vgg.formats.contents import Contents, assemble
from impasto.vgg.formats.keys import named_pairs


def read(path: Path, *, form: Literal["zip", "pickle"]) -> Contents:
    """The convolutions of a PyTorch file, convention unknown; raises WeightsError when it is unsafe, damaged
    or of another network.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to authors of files; what matters to users is an error
            # Mapped where possible: the classifier's 490 MB then never leave the disk.
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=form == "zip")
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} holds more than tensors, or is damaged, and is not loaded, as pickles can run code; "
            f"give a state dict saved with torch.save(model.state_dict(), …)",
            path=path,
        ) from None
    except Exception as error:  # a damaged pickle can raise anything
        raise WeightsError(
            f"{path} is a truncated or damaged PyTorch file ({type(error).__name__}); get the file again",
            path=path,
        ) from None
    state = _state(path, found)
    architecture, tensors = assemble(path, named_pairs(path, state, state.__getitem__))
    return Contents(architecture, tensors, None, path.name)


def _state(path: Path, found: object) -> dict[str, Tensor]:
    """The tensors by key; a checkpoint that keeps them one level down, under `state_dict`, is opened."""
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping):
        raise WeightsError(
            f"{path} holds a {type(found).__name__}, not a state dict; save it with torch.save(model.state_dict(), …)",
            path=path,
        )
    return {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
