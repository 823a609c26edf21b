"""Memory for a changing set of long vectors, taken in large pieces.

Vectors that stay, between ones that come and go at each step, would leave holes which nothing fits: at 512 px a full history of
L-BFGS took two thirds more than its vectors hold.  And all begin at a multiple of 64 bytes, so that a sum over one does not
depend, in its last bit, on which row it is.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_ROWS: Final = 16
_ALIGNED: Final = 16
"""Numbers, of 4 bytes or more, between two beginnings of rows."""


class Rows:
    """Hands out vectors [n] of the length, dtype and device of the first one asked for, uninitialised."""

    def __init__(self, most: int) -> None:
        """`most`: how many will be out at once."""
        self._rows = min(most, _ROWS)
        self._free: list[Tensor] = []

    def take(self, like: Tensor) -> Tensor:
        """A vector like that one."""
        if not self._free:
            length = like.numel()
            stride = -(-length // _ALIGNED) * _ALIGNED
            piece = torch.empty(self._rows * stride, dtype=like.dtype, device=like.device)
            self._free = [piece[at * stride : at * stride + length] for at in range(self._rows)]
        return self._free.pop()

    def give(self, *rows: Tensor) -> None:
        """Takes vectors back, to be handed out again."""
        self._free += rows
