"""Which compiled library this processor runs, and its binding."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

VERSION: Final = 4
"""Of the compiled library's interface; another one is not used."""


@dataclass(frozen=True)
class Library:
    """The compiled kernels for this processor: channels must be a multiple of `channels`, blocks of tiles one of `rows`."""

    functions: Any
    name: str
    channels: int
    rows: int


@cache
def library() -> Library | None:
    """The fastest compiled library that this processor runs, or None where there is none (no compiler at installation)."""
    capability = torch.backends.cpu.get_cpu_capability().lower()
    names = {"avx512": ("avx512", "avx2"), "avx2": ("avx2",)}.get(capability, ("plain",))
    return next((found for name in names if (found := opened(name)) is not None), None)


def opened(name: str) -> Library | None:
    """The library for some instructions, which the processor must have; None where it was not compiled."""
    try:
        functions = ctypes.CDLL(os.fspath(Path(__file__).with_name(f"_native_{name}.so")))
    except OSError:
        return None
    if functions.native_version() != VERSION:
        return None
    return Library(functions, name, functions.native_channels(), functions.native_rows())


def here() -> Library:
    """The library, where it is known that there is one."""
    found = library()
    if found is None:
        raise RuntimeError("the compiled kernels are not here; ask library() first")
    return found


def address(tensor: Tensor) -> ctypes.c_void_p:
    """Where a tensor's numbers begin."""
    return ctypes.c_void_p(tensor.data_ptr())
