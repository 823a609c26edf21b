"""The number formats that the network can compute in; pixels, statistics, losses and the optimiser stay in float32 in all.

bfloat16 has float32's range and 8 bits; float16 has 11 bits and ends at 65,504, near the largest activations; tf32 is float32
rounded to 11 bits inside the convolutions of NVIDIA cards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import torch

from impasto.errors import InvalidSettings
from impasto.vgg.features import Vgg
from impasto.vgg.parameters import Weights

DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "tf32": torch.float32,
}

_TRIAL_PX: Final = (96, 128)
_TURNS: Final = 4

_GAIN: Final = 1.3
"""How many times faster bfloat16 must be on a CPU before `auto` takes it: a run in it ends up to 1.5 % above float32."""


def network(weights: Weights, precision: str, *, pooling: str, device: torch.device) -> Vgg:
    """The network in a precision, or for `auto` in the one that this device computes fast.

    Raises InvalidSettings for a precision that the device does not have.
    """
    if precision == "auto":
        return _fastest(weights, pooling, device)
    if precision == "tf32" and not (device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)):
        raise InvalidSettings(
            f"precision tf32 needs an NVIDIA card of 2020 or later, the device is {device}; use auto", setting="precision"
        )
    if precision == "float16" and device.type == "cpu":
        raise InvalidSettings(
            "precision float16 is for graphics cards, the device is cpu; use auto or bfloat16", setting="precision"
        )
    return _vgg(weights, precision, pooling, device)


def _vgg(weights: Weights, precision: str, pooling: str, device: torch.device) -> Vgg:
    return Vgg(weights, pooling=pooling, device=device, dtype=DTYPES[precision], tf32=precision == "tf32")  # type: ignore[arg-type]


def _fastest(weights: Weights, pooling: str, device: torch.device) -> Vgg:
    """bfloat16 on cards that have it; on CPUs that have it, where it wins a trial; else float32."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return _vgg(weights, "bfloat16", pooling, device)
    exact = _vgg(weights, "float32", pooling, device)
    if device.type != "cpu" or not _has_bfloat16():
        return exact
    rounded = _vgg(weights, "bfloat16", pooling, device)
    # By processor time and in turns, so that what else runs does not decide: the same command would then make another picture
    # now and then.  On a machine with five programs for two cores the ratio was 0.9 to 1.0 so, and 0.5 to 1.9 by the clock.
    exact_s, rounded_s = seconds(exact, rounded, clock=time.process_time)
    return rounded if exact_s > _GAIN * rounded_s else exact


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX); elsewhere it is many times slower."""
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(ask is not None and ask() for ask in asked)


def seconds(*networks: Vgg, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """What a pass forward and back takes each at a small size: the shortest of four turns after one that warms up."""
    turns = [[_pass(vgg, clock) for vgg in networks] for _ in range(1 + _TURNS)]
    return [min(times) for times in zip(*turns[1:], strict=True)]


def _pass(vgg: Vgg, clock: Callable[[], float]) -> float:
    rgb = torch.full((1, 3, *_TRIAL_PX), 0.5, device=vgg.device, requires_grad=True)
    begun = clock()
    with torch.enable_grad():
        torch.autograd.grad(vgg.features(rgb, ["conv4_2"])["conv4_2"].sum(), rgb)
    return clock() - begun
