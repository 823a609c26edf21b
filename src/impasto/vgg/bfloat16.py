"""Which devices multiply bfloat16 in hardware, by their instructions alone, so that the same machine always answers the same.

PyTorch computes bfloat16 on every processor.  Where there are no instructions for it that takes 20 to 60 times as long as
float32, so there the network rounds to bfloat16 and multiplies in float32 (features.py).
"""

from __future__ import annotations

import os
from typing import Final

import torch

_LIMITS: Final = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_BELOW: Final = frozenset({"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"})
"""The instruction sets without products of bfloat16 to which oneDNN can be limited, by the names that it knows."""


def in_hardware(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 in hardware: NVIDIA from compute capability 8.0, AVX512-BF16, AMX; Metal."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type != "cpu" or _cpu_has("avx512_bf16") or on_tiles()


def on_tiles() -> bool:
    """Return whether the processor multiplies bfloat16 by whole tiles (AMX)."""
    return _cpu_has("amx_bf16")


def _cpu_has(instructions: str) -> bool:
    """Return whether the processor has some instructions, and PyTorch and its oneDNN may use them."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # since PyTorch 2.10
    limited = any(os.environ.get(name, "").upper() in _BELOW for name in _LIMITS)
    onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    usable = onednn and not limited and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return usable and ask is not None and bool(ask().get(instructions, False))
