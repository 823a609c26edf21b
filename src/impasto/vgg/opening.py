"""The network's first block in bands of rows: conv1_1, ReLU, conv1_2, ReLU, 2×2 max pooling, on the CPU.

Its first output is the largest of all, 64 numbers a pixel, and cheap: 27 products each.  So it is never whole.  A band of it
is made, seen, used for the next convolution and overwritten; on the way back it is made once more.  Binding of opening.c.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor

from impasto.native import address, here, on_threads
from impasto.vgg.winograd import Winograd

_BAND_BYTES: Final = 4 << 20
"""About what a band of the first output takes: it should stay in the caches until it is used.  Wider ones have the least rows."""

_LEAST_ROWS: Final = 16
_TILE_ROWS: Final = 4

See = Callable[[slice, Tensor], object]
"""Gets the rows and features [1, C, rows, W] of each band."""

Pull = Callable[[slice, Tensor, Tensor], object]
"""Gets rows and features of each band, and adds to the gradient there, in place."""


class Opening:
    """The frozen first block: kernel [K, 3, 3, 3] and bias [K] of its first convolution, and its second."""

    def __init__(self, kernel: Tensor, bias: Tensor, second: Winograd) -> None:
        functions = here().functions
        self._channels = kernel.shape[0]
        self._bias = bias.contiguous()
        self._second = second
        self._wide: int = functions.opening_columns_wide()
        self._forward = _floats(27 * self._channels)
        self._back = _floats(self._wide * self._channels)
        kernel = kernel.contiguous()
        functions.opening_pack(address(kernel), address(self._forward), self._channels)
        functions.opening_pack_back(address(kernel), address(self._back), self._channels)

    def forward(self, x: Tensor, see: See) -> tuple[Tensor, Tensor]:
        """The block's output [1, K, ⌊H/2⌋, ⌊W/2⌋] and what `backward` needs of it, of what the network gets, x [1, 3, H, W]."""
        height, width = size = (x.shape[2], x.shape[3])
        if x.shape[0] != 1:
            raise ValueError(f"bands are of one picture, got a batch of {x.shape[0]}; give them one by one")
        pooled, marks = (
            torch.empty(1, self._channels, height // 2, width // 2, dtype=dtype, device="cpu", memory_format=torch.channels_last)
            for dtype in (torch.float32, torch.int8)
        )
        buffer = _floats((min(_rows_of_band(width), height) + 2) * width * self._channels)
        for rows in _bands(height, width):
            first, last = max(0, rows.start - 1), min(height, rows.stop + 1)
            band = self._first(x, first, last, buffer)
            see(rows, band[:, :, rows.start - first : rows.stop - first])
            self._second.pool_rows(band, first, pooled, marks, size=size, rows=(rows.start, rows.stop))
        return pooled, marks

    def backward(self, x: Tensor, gradient: Tensor, *, marks: Tensor, pull: Pull) -> Tensor:
        """The gradient at x, of the one at the output and what `pull` adds at the first convolution's."""
        functions = here().functions
        height, width = size = (x.shape[2], x.shape[3])
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        most = min(_rows_of_band(width), height)
        features, slopes = (_floats(most * width * self._channels) for _ in range(2))
        stride = width + 2
        columns = _floats(most * stride * self._wide).zero_()
        found = _floats(height * width * 3).zero_().view(height, width, 3)
        for rows in _bands(height, width):
            first, last = rows.start, rows.stop
            band = self._first(x, first, last, features)
            slope = _view(slopes, self._channels, last - first, width)
            self._second.unpool_rows(gradient, marks, slope, size=size, rows=(first, last))
            pull(rows, band, slope)
            _share(
                0,
                last - first,
                lambda low, high, band=band, slope=slope: functions.opening_columns(  # type: ignore[misc]
                    address(slope), address(band), address(self._back), address(columns), width, stride, self._channels, low, high
                ),
            )
            into = found.data_ptr() + 4 * 3 * width * first
            _share(
                -1 if first > 0 else 0,
                last - first + (1 if last < height else 0),
                lambda low, high, into=into, count=last - first: functions.opening_gather(  # type: ignore[misc]
                    address(columns), ctypes.c_void_p(into), width, stride, count, low, high
                ),
            )
        return found.permute(2, 0, 1)[None]

    def _first(self, x: Tensor, first: int, last: int, buffer: Tensor) -> Tensor:
        """Rows first .. last − 1 of the first convolution with its ReLU, in the buffer: [1, K, rows, W]."""
        functions = here().functions
        height, width = x.shape[2:]
        stride = width + 2 + here().rows
        bordered = _floats((last - first + 2) * stride * 3).zero_().view(last - first + 2, stride, 3)
        low, high = max(0, first - 1), min(height, last + 1)
        bordered[low - first + 1 : high - first + 1, 1 : width + 1] = x[0, :, low:high].permute(1, 2, 0)
        _share(
            0,
            last - first,
            lambda low, high: functions.opening_forward(
                address(bordered),
                address(self._forward),
                address(self._bias),
                address(buffer),
                width,
                stride,
                self._channels,
                low,
                high,
            ),
        )
        return _view(buffer, self._channels, last - first, width)


def _floats(count: int) -> Tensor:
    """Memory that the library can use, whatever the caller's defaults are."""
    return torch.empty(count, dtype=torch.float32, device="cpu")


def _rows_of_band(width: int) -> int:
    return max(_LEAST_ROWS, _BAND_BYTES // (256 * width) // _TILE_ROWS * _TILE_ROWS)


def _bands(height: int, width: int) -> Iterator[slice]:
    """Rows by rows; what they are depends on the picture only, so the order of all sums does."""
    step = _rows_of_band(width)
    return (slice(at, min(at + step, height)) for at in range(0, height, step))


def _view(buffer: Tensor, channels: int, rows: int, width: int) -> Tensor:
    return buffer[: rows * width * channels].view(1, rows, width, channels).permute(0, 3, 1, 2)


def _share(first: int, last: int, work: Callable[[int, int], object]) -> None:
    """work(low, high) on parts of the rows first .. last − 1, one a thread."""
    threads = min(torch.get_num_threads(), last - first)
    cuts = [first + (last - first) * at // threads for at in range(threads + 1)]
    on_threads(lambda at: work(cuts[at], cuts[at + 1]), threads)
