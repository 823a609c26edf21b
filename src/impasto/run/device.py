"""Which device a run uses."""

from __future__ import annotations

import torch

from impasto.errors import InvalidSettings


def resolve(name: str) -> torch.device:
    """The device of `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; raises InvalidSettings when this machine has none such."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(index or 0) >= count:
            build = f"PyTorch {torch.__version__} sees {count} CUDA devices here"
            raise InvalidSettings(f"device {name} is not available: {build}; use --device cpu, or see `impasto doctor`")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InvalidSettings(f"device mps is not available: PyTorch {torch.__version__} here has no Metal; use --device cpu")
    return torch.device(name)
