"""The number formats that the network can compute in; pixels, statistics, losses and the optimiser stay in float32 in all.

bfloat16 has float32's range and 8 bits; float16 has 11 bits and ends at 65,504, near the largest activations; tf32 is float32
rounded to 11 bits inside the convolutions of NVIDIA cards.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final, get_args

import torch

from impasto.errors import InvalidSettings
from impasto.settings import Precision
from impasto.torch_modes import own_torch_modes
from impasto.vgg import bfloat16
from impasto.vgg.features import Vgg
from impasto.vgg.parameters import Weights

DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "tf32": torch.float32,
}

VARIABLE: Final = "IMPASTO_PRECISION"
"""The environment variable that says what `auto` is."""

_TRIAL_PX: Final = (96, 128)
_TURNS: Final = 4


def network(weights: Weights, precision: str, *, pooling: str, device: torch.device) -> Vgg:
    """Return the network in a precision, or for `auto` in the one that suits the device.

    Raises:
        InvalidSettings: for a precision that the device does not have, and for an unknown one in IMPASTO_PRECISION.
    """
    chosen = precision_for(precision, device)
    return Vgg(weights, pooling=pooling, device=device, dtype=DTYPES[chosen], tf32=chosen == "tf32")  # type: ignore[arg-type]


def precision_for(precision: str, device: torch.device) -> str:
    """Return the precision that a device computes in where `precision` is asked for.

    `auto` is what IMPASTO_PRECISION says, else the choice of `suiting`.

    Raises:
        InvalidSettings: for a precision that the device does not have, and for an unknown one in IMPASTO_PRECISION.
    """
    asked = "precision"
    if precision == "auto" and os.environ.get(VARIABLE, "") != "":
        asked, precision = VARIABLE, os.environ[VARIABLE]
        if precision not in get_args(Precision):
            raise InvalidSettings(
                f"the environment variable {VARIABLE} is {precision!r}; expected one of {', '.join(get_args(Precision))}",
                setting="precision",
            )
    if precision == "auto":
        return suiting(device)
    if precision == "tf32" and not (device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)):
        raise InvalidSettings(
            f"{asked} tf32 needs an NVIDIA card of 2020 or later, the device is {device}; use --precision auto or float32",
            setting="precision",
        )
    if precision == "float16" and device.type == "cpu":
        raise InvalidSettings(
            f"{asked} float16 is for graphics cards, the device is cpu; use --precision auto, float32 or bfloat16",
            setting="precision",
        )
    return precision


def caveat(vgg: Vgg) -> str | None:
    """Return one line for the user where a network computes otherwise than its precision says, else None."""
    if not vgg.imitates:
        return None
    return (
        f"this device ({vgg.device}) has no instructions for {vgg.precision}, which is imitated: about as fast as float32, and "
        f"the picture differs in details from one made with them; --precision float32 makes another one in details"
    )


def suiting(device: torch.device) -> str:
    """Return the precision that `auto` is on a device: bfloat16 where it is much faster than float32, else float32.

    The choice depends on the device's instructions alone.  A trial by the clock would now and then make another picture of the
    same command, whatever it measures: other programs, and other threads of this one, compute meanwhile.

    On NVIDIA cards bfloat16 wins from compute capability 8.0 on.  On CPUs without AMX our convolutions in float32 win: they need
    a quarter of the multiplications, and AVX512-BF16 halves the time of one (measured, docs/performance.md).  AMX multiplies
    sixteen times as many numbers at once as AVX-512 does.
    """
    fast = bfloat16.in_hardware(device) if device.type == "cuda" else device.type == "cpu" and bfloat16.on_tiles()
    return "bfloat16" if fast else "float32"


def seconds(*networks: Vgg, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """What a pass forward and back takes each at a small size: the shortest of four turns after one that warms up."""
    turns = [[_pass(vgg, clock) for vgg in networks] for _ in range(1 + _TURNS)]
    return [min(times) for times in zip(*turns[1:], strict=True)]


@own_torch_modes()
def _pass(vgg: Vgg, clock: Callable[[], float]) -> float:
    rgb = torch.full((1, 3, *_TRIAL_PX), 0.5, dtype=torch.float32, device=vgg.device, requires_grad=True)
    begun = clock()
    with torch.enable_grad():
        torch.autograd.grad(vgg.features(rgb, ["conv4_2"])["conv4_2"].sum(), rgb)
    return clock() - begun
