"""How many pictures at once: small ones do not keep all cores busy, so each core makes its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from impasto import presets
from impasto.batch.rows import Row
from impasto.settings import Settings

SMALL_PX: Final = 384
"""Long side up to which several pictures at a time are faster than one on all cores (benchmarks/batch.py)."""


class Share(NamedTuple):
    """Workers, and the threads of each; None is what PyTorch takes."""

    workers: int
    threads: int | None

    @property
    def words(self) -> str:
        """For the line before the start."""
        if self.workers == 0:
            return "; workers elsewhere make them"
        return "" if self.workers == 1 else f"; {self.workers} at a time"


def share(rows: Sequence[Row], given: Mapping[str, Any], workers: int | None) -> Share:
    """As asked for, or by the largest picture and the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers is None:
        largest = max((_long_side(presets.resolve(given, row.settings)) for row in rows), default=0)
        wide = presets.resolve(given).device in {"auto", "cpu"} and largest <= SMALL_PX
        workers = min(cores, len(rows)) if wide else 1
    if workers <= 1:
        return Share(workers, None)
    return Share(workers, max(1, cores // workers))


def _long_side(settings: Settings) -> float:
    if settings.size == "original":
        return float("inf")
    return max(settings.size) if isinstance(settings.size, tuple) else settings.size
