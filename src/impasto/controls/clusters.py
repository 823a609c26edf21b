"""k-means: rows that are near each other, in so many groups (Lloyd 1982; starts by Arthur, Vassilvitskii 2007, k-means++)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_STARTS: Final = 4
_ROUNDS: Final = 50


def clusters(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return to which of `count` groups each of the rows [n, d] belongs, [n], 0 to count − 1: the best of four starts.

    Groups of equal rows stay empty where there are fewer different rows than groups.
    """
    best: tuple[float, Tensor] | None = None
    for _ in range(_STARTS):
        centers = _start(rows, count, generator)
        group = torch.zeros(len(rows), dtype=torch.long, device="cpu")
        for _ in range(_ROUNDS):
            distance, found = _nearest(rows, centers)
            sums = torch.zeros_like(centers).index_add_(0, found, rows)
            sizes = torch.bincount(found, minlength=count)
            centers = torch.where(sizes[:, None] > 0, sums / sizes.clamp_min(1)[:, None], centers)
            still = torch.equal(found, group)
            group = found
            if still:
                break
        spread = float(distance.sum())
        if best is None or spread < best[0]:
            best = (spread, group)
    if best is None:
        raise ValueError("no start was made")
    return best[1]


def _start(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return rows far from each other: each is drawn by its squared distance from those before it."""
    chosen = [int(torch.randint(len(rows), (1,), generator=generator, device="cpu"))]
    nearest = torch.full((len(rows),), torch.inf, dtype=torch.float32, device="cpu")
    for _ in range(count - 1):
        nearest = torch.minimum(nearest, (rows - rows[chosen[-1]]).square().sum(1))
        total = float(nearest.sum())
        at = int(torch.multinomial(nearest / total, 1, generator=generator)) if total > 0 else chosen[0]
        chosen.append(at)
    return rows[chosen]


def _nearest(rows: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    distances = torch.cdist(rows, centers, compute_mode="donot_use_mm_for_euclid_dist").square()
    found = distances.min(1)
    return found.values, found.indices
