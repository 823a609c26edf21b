"""Tensors that lie in bands over the processes: borrowed rows, the whole, and back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.evaluate.geometry import Span
from impasto.evaluate.sharded.division import Division, both, rows
from impasto.evaluate.sharded.group import Shards


def lend(shards: Shards, division: Division, band: Tensor, near: Callable[[int], Span]) -> Tensor:
    """The rows near(rank), from whoever owns them, [1, 3, rows, W]; `band`: those that this process owns."""
    own, wanted = division.bands[shards.rank], near(shards.rank)
    to = {rank: _cut(band, own, both(own, near(rank))).contiguous() for rank in range(shards.count)}
    parts = {rank: both(other, wanted) for rank, other in enumerate(division.bands)}
    by = {rank: band.new_empty((*band.shape[:2], rows(part), band.shape[3])) for rank, part in parts.items()}
    shards.exchange(to, by)
    # Bands lie one below the other, in the order of their owners.
    return torch.cat([by[rank] for rank in range(shards.count)], 2)


def give_back(shards: Shards, division: Division, lent: Tensor, near: Callable[[int], Span]) -> Tensor:
    """What all processes have at their rows near(rank), added up by those who own them: the transpose of `lend`."""
    own, wanted = division.bands[shards.rank], near(shards.rank)
    to = {rank: _cut(lent, wanted, both(other, wanted)).contiguous() for rank, other in enumerate(division.bands)}
    parts = {rank: both(own, near(rank)) for rank in range(shards.count)}
    by = {rank: lent.new_empty((*lent.shape[:2], rows(part), lent.shape[3])) for rank, part in parts.items()}
    shards.exchange(to, by)
    total = lent.new_zeros((*lent.shape[:2], rows(own), lent.shape[3]))
    for rank, part in parts.items():
        _cut(total, own, part).add_(by[rank])
    return total


def gather(shards: Shards, division: Division, band: Tensor, *, to_all: bool) -> Tensor:
    """The whole [1, 3, H, W] from everybody's band, on the first process, or on all; elsewhere nothing, [1, 3, 0, W]."""
    whole = Span(0, division.size[0])
    return lend(shards, division, band, lambda rank: whole if to_all or rank == 0 else Span(0, 0))


def own_rows(shards: Shards, division: Division, whole: Tensor) -> Tensor:
    """This process's band of a picture that everybody has, a copy."""
    return _cut(whole, Span(0, division.size[0]), division.bands[shards.rank]).clone(memory_format=torch.contiguous_format)


def scatter(shards: Shards, division: Division, whole: Tensor | None, like: Tensor) -> Tensor:
    """Everybody's band of what the first process has as a whole, [1, 3, rows, W]; `like` tells dtype and device."""
    band = torch.empty(division.shape(shards.rank), dtype=like.dtype, device=like.device)
    to = {}
    if whole is not None:
        all_rows = Span(0, division.size[0])
        to = {rank: _cut(whole, all_rows, own).to(like).contiguous() for rank, own in enumerate(division.bands)}
    shards.exchange(to, {0: band})
    return band


def _cut(x: Tensor, lies: Span, part: Span) -> Tensor:
    """The rows `part` of x, which holds the rows `lies`."""
    return x[:, :, max(0, part.start - lies.start) : max(0, part.stop - lies.start)]
