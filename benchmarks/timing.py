"""Timings: medians, since a machine that does other things too makes some of them too long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import TypeVar

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that the work took, and what it gave."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, and the 10th and 90th percentile; NaN without values."""
    if not values:
        return {"median": math.nan, "p10": math.nan, "p90": math.nan}
    if len(values) == 1:
        return {"median": values[0], "p10": values[0], "p90": values[0]}
    tenths = quantiles(values, n=10, method="inclusive")
    return {"median": median(values), "p10": tenths[0], "p90": tenths[-1]}
