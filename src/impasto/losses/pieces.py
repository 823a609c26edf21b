"""Features of a whole layer, kept in the pieces in which they came: never one map."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Store(Protocol):
    """Where they are kept, if not in memory."""

    def empty(self, numbers: int, like: Tensor) -> Tensor:
        """A vector [numbers] of that dtype, uninitialised."""

    def rest(self, part: Tensor) -> None:
        """Memory that holds part of a vector is free for others until it is needed again."""


class Pieces:
    """Stands for a tensor [1, C, H, W] of which only parts inside one piece are asked for: `pieces[:, :, rows, columns]`."""

    def __init__(self, size: tuple[int, int], *, store: Store | None = None) -> None:
        """`size`: height and width of the whole layer."""
        self.size = size
        self._store = store
        self._pieces: list[tuple[int, int, Tensor]] = []
        self._out: Tensor | None = None

    @property
    def shape(self) -> torch.Size:
        """[1, C, H, W] of the whole."""
        return torch.Size((1, self._pieces[0][2].shape[1], *self.size))

    def add(self, rows: slice, columns: slice, features: Tensor) -> None:
        """Keeps a copy of the features [1, C, rows, columns] at some rows and columns."""
        if self._store is None:
            kept = features.clone()
        else:
            _, channels, height, width = features.shape
            vector = self._store.empty(features.numel(), features)
            kept = vector.view(1, height, width, channels).permute(0, 3, 1, 2)  # as the network's features lie
            kept.copy_(features)
            self._store.rest(vector)
        self._pieces.append((rows.start, columns.start, kept))

    def __getitem__(self, at: tuple[slice, slice, slice, slice]) -> Tensor:
        """The features at `[:, :, rows, columns]`, good until others are asked for; ValueError if some are missing."""
        _, _, rows, columns = at
        top, bottom, _ = rows.indices(self.size[0])
        left, right, _ = columns.indices(self.size[1])
        found: list[tuple[int, int, Tensor]] = []
        for row, column, features in self._pieces:
            low, high = max(top, row), min(bottom, row + features.shape[2])
            first, last = max(left, column), min(right, column + features.shape[3])
            if low < high and first < last:
                self._needed(features)
                found.append((low, first, features[:, :, low - row : high - row, first - column : last - column]))
        if len(found) == 1 and found[0][2].shape[2:] == (bottom - top, right - left):
            return found[0][2]
        if sum(part[0, 0].numel() for _, _, part in found) != (bottom - top) * (right - left):
            raise ValueError(f"rows {top} to {bottom} and columns {left} to {right} are not all there")
        like, shape = (found or self._pieces)[0][2], (1, self.shape[1], bottom - top, right - left)
        whole = torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
        for low, first, part in found:
            whole[:, :, low - top : low - top + part.shape[2], first - left : first - left + part.shape[3]] = part
        return whole

    def _needed(self, features: Tensor) -> None:
        """What was handed out before is not needed any more."""
        if self._store is not None and self._out is not None and self._out is not features:
            self._store.rest(self._out.permute(0, 2, 3, 1).view(-1))
        self._out = features
