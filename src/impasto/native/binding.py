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

from impasto.errors import InvalidSettings

VERSION: Final = 4
"""Of the compiled library's interface; another one is not used."""

KERNELS_VARIABLE: Final = "IMPASTO_KERNELS"
"""The environment variable that chooses the library, in place of the fastest: one of its names, or NO_KERNELS."""

NO_KERNELS: Final = "none"
"""No library: PyTorch's convolutions, as on a machine where there was no compiler at installation."""


@dataclass(frozen=True)
class Library:
    """The compiled kernels for this processor: channels must be a multiple of `channels`, blocks of tiles one of `rows`."""

    functions: Any
    name: str
    channels: int
    rows: int


@cache
def library() -> Library | None:
    """Return the fastest compiled library that this processor runs, or the one that IMPASTO_KERNELS names.

    Returns None where there is none: no compiler at installation, or IMPASTO_KERNELS=none.

    Raises:
        InvalidSettings: IMPASTO_KERNELS names a library that this processor does not run or that was not compiled.
    """
    asked = os.environ.get(KERNELS_VARIABLE, "")
    if asked == NO_KERNELS:
        return None
    usable = {name: found for name in runnable() if (found := opened(name)) is not None}
    if asked == "":
        return next(iter(usable.values()), None)
    if asked not in usable:
        names = ", ".join([*usable, NO_KERNELS])
        raise InvalidSettings(
            f"{KERNELS_VARIABLE} is {asked!r}, and this installation on this processor has {names}; set one of those, or unset it"
        )
    return usable[asked]


def runnable() -> tuple[str, ...]:
    """Return the names of the libraries whose instructions this processor has, the fastest first; not all need be compiled.

    PyTorch says which instructions there are, so ATEN_CPU_CAPABILITY limits our kernels as it limits PyTorch's.
    """
    capability = torch.backends.cpu.get_cpu_capability().lower()
    return {"avx512": ("avx512", "avx2"), "avx2": ("avx2",)}.get(capability, ("plain",))


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
