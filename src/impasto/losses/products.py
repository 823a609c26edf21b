"""The products that statistics of features are made of: on the CPU by products.c, elsewhere by PyTorch's.

On x86 PyTorch multiplies matrices with MKL, which uses half of what AMD's processors can do, and of a symmetric sum it computes
both halves (benchmarks/results/2026-11-26-products-own.md).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from impasto.native import here, library, on_threads

_SHARE_UNIT: Final = 256
_LEAST_SHARE: Final = 16 * _SHARE_UNIT
_MOST_PARTS: Final = 16

_BLOCK: Final = 1 << 20
"""Numbers that are taken at a time, so that what is done with them next finds them in the caches: four megabytes."""


class _Outer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("f", "sums", "total")),
        *((name, ctypes.c_int64) for name in ("positions", "share")),
        *((name, ctypes.c_int32) for name in ("channels", "parts", "next")),
    ]


class _Each(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("f", "s", "y")),
        ("positions", ctypes.c_int64),
        *((name, ctypes.c_int32) for name in ("channels", "add", "next")),
    ]


def outer_sum(features: Tensor) -> Tensor:
    """Return Σ_p f_p f_pᵀ of features [B, C, H, W] → [B, C, C]; exactly symmetric, and equal bits with any number of threads."""
    if not _ours(features):
        rows = features.flatten(2)
        return torch.bmm(rows, rows.transpose(1, 2))
    _, channels, height, width = features.shape
    positions = height * width
    share, parts = _shares(positions)
    total = features.new_empty(channels, channels)
    sums = total if parts == 1 else features.new_empty(parts, channels, channels)
    job = _Outer(features.data_ptr(), sums.data_ptr(), total.data_ptr(), positions, share, channels, parts, 0)
    functions, across = here().functions, channels // here().channels
    threads = min(torch.get_num_threads(), parts * across * (across + 1) // 2)
    on_threads(lambda _: functions.outer_run(ctypes.byref(job)), threads)
    functions.outer_finish(ctypes.byref(job))
    return total[None]


def outer_sum_bytes(channels: int, positions: int) -> int:
    """Return the bytes that `outer_sum` takes on the CPU beside its result, for float32 features of so many positions."""
    parts = _shares(positions)[1]
    return 4 * channels**2 * parts if parts > 1 else 0


def _shares(positions: int) -> tuple[int, int]:
    """Return how many positions each partial sum has, and how many sums there are.

    As the size says and not the threads, so that these do not change the order of a sum.
    """
    share = max(_LEAST_SHARE, -(-positions // (_MOST_PARTS * _SHARE_UNIT)) * _SHARE_UNIT)
    return share, max(1, -(-positions // share))


def at_each_position(matrix: Tensor, features: Tensor) -> Tensor:
    """M·f_p of a symmetric M [B, C, C] and features [B, C, H, W] → [B, C, H, W], channels last."""
    if _ours(features) and _fits(matrix[0], features):
        found = torch.empty_like(features)
        _each(matrix[0], features, found, add=False)
        return found
    batch, channels, height, width = features.shape
    # Positions as rows: the result then lies channels-last, as the network wants it.
    rows = torch.bmm(features.flatten(2).transpose(1, 2), matrix)
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def add_at_each_position(matrix: Tensor, features: Tensor, into: Tensor) -> None:
    """Adds M·f_p of a symmetric M [C, C] and features [1, C, H, W] to `into`, of their shape."""
    if _ours(features) and _ours(into) and _fits(matrix, features) and into.shape == features.shape:
        _each(matrix, features, into, add=True)
        return
    for rows in blocks(features):
        into[:, :, rows] += at_each_position(matrix[None], together(features[:, :, rows]))


def blocks(features: Tensor) -> Iterator[slice]:
    """Rows of features [1, C, H, W], so many at a time that a copy of them stays in the caches."""
    _, channels, height, width = features.shape
    step = max(1, _BLOCK // max(1, width * channels))
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def together(part: Tensor) -> Tensor:
    """In one piece, channels last, as the products want it."""
    return part.contiguous(memory_format=torch.channels_last)


def _each(matrix: Tensor, features: Tensor, into: Tensor, *, add: bool) -> None:
    _, channels, height, width = features.shape
    matrix = matrix.contiguous()
    job = _Each(features.data_ptr(), matrix.data_ptr(), into.data_ptr(), height * width, channels, int(add), 0)
    functions, most = here().functions, -(-height * width // here().rows)
    on_threads(lambda _: functions.each_run(ctypes.byref(job)), max(1, min(torch.get_num_threads(), most)))


def _ours(features: Tensor) -> bool:
    found = library()
    return (
        found is not None
        and features.device.type == "cpu"
        and features.dtype == torch.float32
        and features.shape[0] == 1
        and features.shape[1] % found.channels == 0
        and features.is_contiguous(memory_format=torch.channels_last)
    )


def _fits(matrix: Tensor, features: Tensor) -> bool:
    return matrix.dtype == torch.float32 and matrix.device.type == "cpu" and matrix.shape == (features.shape[1],) * 2
