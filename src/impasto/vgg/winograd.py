"""3×3 convolutions on the CPU by Winograd's minimal filtering: the binding of winograd.c, and what autograd needs of it.

A convolution, its ReLU and the 2×2 max pooling after it are one operation here.  Its backward pass needs neither input nor
output, only a byte for each output that says where the gradient goes, so nothing else is kept.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.native import address, here, library, on_threads

_PLAIN, _RELU, _RELU_POOL = 0, 1, 2
_FREQUENCIES = 36
_TILE_PX = 4
_MOST_CHANNELS = 2048
_BLOCKS_A_THREAD = 4  # from which on it matters little that one thread has a block more than another
_LEAST_CHANNELS = 64  # of an item: below, what it must read of the picture weighs more than what it computes


class _Job(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("x", "x_mark", "u", "bias", "y", "y_mark")),
        *((name, ctypes.c_int32) for name in ("height", "width", "channels_in", "channels_out", "x_is", "y_is")),
        *((name, ctypes.c_int32) for name in ("block", "parts", "first_row", "last_row", "next")),
    ]


def fits(channels_in: int, channels_out: int) -> bool:
    """Whether the library is there and can do a convolution of these channels, forward and back."""
    found = library()
    return (
        found is not None
        and channels_in % found.channels == 0
        and channels_out % found.channels == 0
        and max(channels_in, channels_out) <= _MOST_CHANNELS
    )


class Winograd:
    """One frozen convolution with its ReLU: kernel [K, C, 3, 3], bias [K], float32 on the CPU."""

    def __init__(self, kernel: Tensor, bias: Tensor) -> None:
        self._kernel = kernel.contiguous()
        self._bias = bias.contiguous()
        self._packed: dict[bool, Tensor] = {}

    def __call__(self, x: Tensor, *, pool: bool) -> Tensor:
        """ReLU(kernel * x + bias) of x [B, C, H, W] → [B, K, H, W], or with 2×2 max pooling → [B, K, ⌊H/2⌋, ⌊W/2⌋]."""
        return _ConvRelu.apply(x, self, _RELU_POOL if pool else _RELU)  # type: ignore[no-any-return, no-untyped-call]

    @property
    def pending_bytes(self) -> int:
        """Memory that transformed kernels will take, both ways, when they are needed."""
        out, into = self._kernel.shape[:2]
        return 4 * _FREQUENCIES * out * into * (2 - len(self._packed))

    def _u(self, *, transposed: bool) -> Tensor:
        """The transformed kernels, made when first needed: 4 times the kernels' memory."""
        if transposed not in self._packed:
            found = here()
            out, into = self._kernel.shape[:2]
            if transposed:
                out, into = into, out
            u = torch.empty(_FREQUENCIES * into * out, dtype=torch.float32, device="cpu")
            threads = torch.get_num_threads()
            share = -(-out // (threads * found.channels)) * found.channels

            def pack(at: int) -> None:
                first, last = min(out, at * share), min(out, (at + 1) * share)
                found.functions.winograd_pack(address(self._kernel), address(u), into, out, int(transposed), first, last)

            on_threads(pack, threads)
            self._packed[transposed] = u
        return self._packed[transposed]

    def forward(self, x: Tensor, y_is: int, *, marked: bool) -> tuple[Tensor, Tensor | None]:
        """y and its marks, of x [B, C, H, W]."""
        channels = self._kernel.shape[0]
        return _run(x, None, _PLAIN, self._u(transposed=False), self._bias, channels, x.shape[2:], y_is, marked=marked)

    def backward(self, gradient: Tensor, marks: Tensor, y_is: int, size: torch.Size) -> Tensor:
        """The gradient at x, of the one at y."""
        channels = self._kernel.shape[1]
        return _run(gradient, marks, y_is, self._u(transposed=True), None, channels, size, _PLAIN, marked=False)[0]

    def pool_rows(
        self, band: Tensor, first_row: int, pooled: Tensor, marks: Tensor, *, size: tuple[int, int], rows: tuple[int, int]
    ) -> None:
        """Some rows of the convolution with pooling, put into pooled and marks, [1, K, ⌊H/2⌋, ⌊W/2⌋], for a picture of `size`.

        band [1, C, h, W]: the input's rows from `first_row` on, one more on both sides than `rows`, except at the border.
        """
        x = _Side(band[0], None, _PLAIN, first_row)
        _rows(x, _Side(pooled[0], marks[0], _RELU_POOL), self._u(transposed=False), self._bias, size=size, rows=rows)

    def unpool_rows(self, gradient: Tensor, marks: Tensor, band: Tensor, *, size: tuple[int, int], rows: tuple[int, int]) -> None:
        """The gradient at some rows of the input, put into band [1, C, rows, W], of the one at what pool_rows gave."""
        x = _Side(gradient[0], marks[0], _RELU_POOL)
        _rows(x, _Side(band[0], None, _PLAIN, rows[0]), self._u(transposed=True), None, size=size, rows=rows)


class _ConvRelu(torch.autograd.Function):
    """Autograd's view of Winograd; the kernels are frozen, so there is a gradient for x only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: Winograd, y_is: int) -> Tensor:
        y, marks = conv.forward(x, y_is, marked=ctx.needs_input_grad[0])
        ctx.conv, ctx.y_is, ctx.size = conv, y_is, x.shape[2:]
        ctx.save_for_backward(marks)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (marks,) = ctx.saved_tensors
        return ctx.conv.backward(gradient, marks, ctx.y_is, ctx.size), None, None


def _run(
    x: Tensor,
    x_mark: Tensor | None,
    x_is: int,
    u: Tensor,
    bias: Tensor | None,
    channels_out: int,
    size: torch.Size,
    y_is: int,
    *,
    marked: bool,
) -> tuple[Tensor, Tensor | None]:
    if x.dtype != torch.float32 or x.device.type != "cpu":
        raise TypeError(f"expected float32 on the CPU, got {x.dtype} on {x.device}; leave autocast, or ask for another precision")
    batch = x.shape[0]
    height, width = size
    out_size = (height // 2, width // 2) if y_is == _RELU_POOL else (height, width)
    x = x.contiguous(memory_format=torch.channels_last)
    x_mark = None if x_mark is None else x_mark.contiguous(memory_format=torch.channels_last)
    y = _empty(batch, channels_out, out_size, torch.float32)
    y_mark = _empty(batch, channels_out, out_size, torch.int8) if marked else None
    for item in range(batch):
        _rows(
            _Side(x[item], None if x_mark is None else x_mark[item], x_is),
            _Side(y[item], None if y_mark is None else y_mark[item], y_is),
            u,
            bias,
            size=(height, width),
            rows=(0, height),
        )
    return y, y_mark


def _empty(batch: int, channels: int, size: tuple[int, int], dtype: torch.dtype) -> Tensor:
    return torch.empty(batch, channels, *size, dtype=dtype, device="cpu", memory_format=torch.channels_last)


@dataclass(frozen=True)
class _Side:
    """Input or output of a convolution: [C, h, w], channels last; h may be a band that begins at `first_row` of the whole."""

    values: Tensor
    marks: Tensor | None
    kind: int
    first_row: int = 0

    def at(self) -> int:
        """Where row 0 of the whole would be."""
        return self.values.data_ptr() - 4 * self.first_row * self.values.shape[0] * self.values.shape[2]


def _rows(x: _Side, y: _Side, u: Tensor, bias: Tensor | None, *, size: tuple[int, int], rows: tuple[int, int]) -> None:
    """The output rows rows[0] .. rows[1] − 1 (before pooling; multiples of a tile, or the end) of a picture of `size`."""
    found = here()
    height, width = size
    channels_in, channels_out = x.values.shape[0], y.values.shape[0]
    tiles = -(-(rows[1] - rows[0]) // _TILE_PX) * -(-width // _TILE_PX)
    block, parts, threads = _shares(tiles, channels_in, channels_out, torch.get_num_threads(), found.rows)
    scratch_floats = _FREQUENCIES * (block * (channels_in + channels_out) + 32)
    job = _Job(
        x.at(),
        None if x.marks is None else x.marks.data_ptr(),
        u.data_ptr(),
        None if bias is None else bias.data_ptr(),
        y.at(),
        None if y.marks is None else y.marks.data_ptr(),
        height,
        width,
        channels_in,
        channels_out,
        x.kind,
        y.kind,
        block,
        parts,
        *rows,
        0,
    )
    on_threads(lambda _: found.functions.winograd_run(ctypes.byref(job), address(_scratch(scratch_floats))), threads)


def _shares(tiles: int, channels_in: int, channels_out: int, threads: int, unit: int) -> tuple[int, int, int]:
    """Tiles a block, a multiple of `unit`; parts of the output channels that each block is cut into; threads that get something.

    Large kernels are read once a block, so blocks are large there; where the kernels are small, blocks stay in the cache.  Where
    there is not a block for each thread, as in deep layers of small pictures, threads take channels of one, and so share the
    reading of the kernels, which takes longest there.
    """
    blocks = _ceil(tiles, max(1, round(12 * (channels_in * channels_out) ** 0.5 / 64)))
    block = _ceil(_ceil(tiles, blocks), unit) * unit
    blocks, parts = _ceil(tiles, block), 1
    if blocks < _BLOCKS_A_THREAD * threads and blocks % threads != 0:
        parts = max(1, min(threads, channels_out // _LEAST_CHANNELS))
    while block > unit and _ceil(tiles, block) * parts < threads:
        block -= unit
    return block, parts, min(threads, _ceil(tiles, block) * parts)


def _ceil(count: int, size: int) -> int:
    return -(-count // size)


_local = threading.local()


def _scratch(floats: int) -> Tensor:
    """Memory of this thread for what a block needs; 0 at first, so that unused rows hold no numbers that are slow."""
    kept: Tensor | None = getattr(_local, "scratch", None)
    if kept is None or kept.numel() < floats:
        kept = _local.scratch = torch.zeros(floats, dtype=torch.float32, device="cpu")
    return kept
