"""Which device a run uses."""

from __future__ import annotations

import os

import torch

from impasto.errors import InvalidSettings
from impasto.ranks import asked_for


def resolve(name: str) -> torch.device:
    """Return the device of `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; raise InvalidSettings when this machine has none such.

    Of several processes that torchrun started each gets the graphics card of its own number on its machine.
    """
    if asked_for():
        name = _own(name)
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            build = f"PyTorch {torch.__version__} sees {count} CUDA devices here"
            raise InvalidSettings(
                f"device {name} is not available: {build}; use --device cpu, or see `impasto doctor`", setting="device"
            )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InvalidSettings(
            f"device mps is not available: PyTorch {torch.__version__} here has no Metal; use --device cpu", setting="device"
        )
    return torch.device(name)


def _own(name: str) -> str:
    if name.partition(":")[0] == "mps" or (name == "auto" and not torch.cuda.is_available()):
        if name != "auto":
            raise InvalidSettings(
                "several processes can share a picture on cpu or cuda, not on mps; choose one with --device", setting="device"
            )
        return "cpu"
    return name if name not in {"auto", "cuda"} else f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
