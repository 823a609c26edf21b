"""Long vectors: where they are kept, and the few sums and products that an optimiser needs of them.

Vectors that stay, between ones that come and go at each step, would leave holes which nothing fits: at 512 px a full history of
L-BFGS took two thirds more than its vectors hold.  So they are taken in large pieces.  All begin at a multiple of 64 bytes, so
that a sum over one does not depend, in its last bit, on which it is.

They may lie on disk (scratch.py) and be shares of longer ones that several processes hold: then `add_up` adds a number over all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

import torch
from torch import Tensor

_ROWS: Final = 16
_ALIGNED: Final = 16
"""Numbers, of 4 bytes or more, between two beginnings of rows."""

_PIECE: Final = 1 << 22
"""Numbers that are taken at once: the rest may lie on disk, and a sum of 250 million products in float32 is 1 % wrong."""


class Store(Protocol):
    """Where long vectors are kept, if not in memory."""

    def empty(self, numbers: int, like: Tensor) -> Tensor:
        """A vector [numbers] of that dtype, uninitialised."""

    def rest(self, part: Tensor) -> None:
        """Memory that holds part of a vector is free for others until it is needed again."""


def _alone(number: Tensor) -> Tensor:
    return number


class Vectors:
    """In memory unless there is a `store`; whole unless `add_up` gives a number's sum over all processes that hold shares."""

    def __init__(self, *, store: Store | None = None, add_up: Callable[[Tensor], Tensor] = _alone) -> None:
        self.store = store
        self._add_up = add_up

    def rows(self, most: int) -> Rows:
        """A supply of vectors, of which so many will be out at once."""
        return Rows(most, self.store)

    def keep(self, x: Tensor, into: Tensor | None = None) -> Tensor:
        """What holds x from now on: x itself in memory, else a copy in the store, over `into` where given."""
        if self.store is None:
            return x
        into = self.store.empty(x.numel(), x).view_as(x) if into is None or into is x else into
        self.copy(x.reshape(-1), into.view(-1))
        return into

    def copy(self, x: Tensor, into: Tensor) -> None:
        """into = x."""
        for of, to in self._pieces(x, into):
            to.copy_(of)

    def own(self, x: Tensor, kept: Tensor) -> Tensor:
        """x, to be written over: a copy where `kept`, which `keep` gave for it, is x itself."""
        return x.clone() if kept is x else x

    def dot(self, a: Tensor, b: Tensor) -> Tensor:
        """Σ a·b."""
        return self._add_up(self._own_dot(a, b))

    def mean_square(self, x: Tensor) -> Tensor:
        """Σ x² / n."""
        return self._mean(self._own_dot(x, x), x)

    def mean_size(self, x: Tensor) -> Tensor:
        """Σ |x| / n."""
        return self._mean(torch.linalg.vector_norm(x, 1), x)

    def _mean(self, total: Tensor, x: Tensor) -> Tensor:
        both = self._add_up(torch.stack([total, torch.full_like(total, x.numel())]))
        return both[0] / both[1]

    def add(self, into: Tensor, by: Tensor, v: Tensor) -> None:
        """into += by·v."""
        for to, of in self._pieces(into, v):
            to.addcmul_(by, of)

    def subtract(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        """out = a − b."""
        for first, second, to in self._pieces(a, b, out):
            torch.sub(first, second, out=to)

    def _own_dot(self, a: Tensor, b: Tensor) -> Tensor:
        dots = [torch.dot(first, second) for first, second in self._pieces(a, b)]
        return dots[0] if len(dots) == 1 else torch.stack(dots).sum()

    def _pieces(self, *vectors: Tensor) -> Iterator[tuple[Tensor, ...]]:
        for start in range(0, max(1, vectors[0].numel()), _PIECE):
            pieces = tuple(vector[start : start + _PIECE] for vector in vectors)
            yield pieces
            if self.store is not None:
                for piece in pieces:
                    self.store.rest(piece)


class Rows:
    """Hands out vectors [n] of the length, dtype and device of the first one asked for, uninitialised."""

    def __init__(self, most: int, store: Store | None = None) -> None:
        """`most`: how many will be out at once; `store`: where they are kept, if not in memory."""
        self._rows = min(most, _ROWS)
        self._store = store
        self._free: list[Tensor] = []

    def take(self, like: Tensor) -> Tensor:
        """A vector like that one."""
        if not self._free:
            length = like.numel()
            stride = -(-length // _ALIGNED) * _ALIGNED
            if self._store is None:
                piece = torch.empty(self._rows * stride, dtype=like.dtype, device=like.device)
            else:
                piece = self._store.empty(self._rows * stride, like)
            self._free = [piece[at * stride : at * stride + length] for at in range(self._rows)]
        return self._free.pop()

    def give(self, *rows: Tensor) -> None:
        """Takes vectors back, to be handed out again."""
        self._free += rows
