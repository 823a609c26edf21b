"""How long steps take, and so the time that is left.

A step on a canvas of p pixels takes a + b·p seconds, and h·(c + d·p) for the h correction pairs that L-BFGS has gathered by
then.  What does not grow with the picture (a, c) weighs most on the small levels, with which a run begins; from these alone the
time of the large ones cannot be told.  So small sizes are tried out before the first step (trial.py).  The law is fitted to
them and to the first steps of the run; from then on its scale is what the latest steps took.  The sizes are tried
again a little later, since something else may have held up the first trials, which no step of a small level would tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final, NamedTuple

ENTRY: Final = 0.6
"""What beginning a level takes, in steps: the objective needs two passes forward."""

_FIRST: Final = 20
"""The steps to which the law is fitted."""

_AGAIN: Final = (0.01, 0.02, 0.03)
"""The shares of the run after which the sizes are tried once more, if all that together takes less than the first."""

_MEMORY: Final = 0.97
"""The weight of a step against the one after it: about thirty of them count."""


class Cost(NamedTuple):
    """Seconds of a step without correction pairs, and of one pair, at a size."""

    pixels: int
    step: float
    pair: float


class Work(NamedTuple):
    """A level as work: the pixels of its canvas and its steps."""

    pixels: int
    steps: int


class Line(NamedTuple):
    """Seconds by pixels: fixed + slope·pixels."""

    fixed: float
    slope: float

    def at(self, pixels: int) -> float:
        """Seconds at a size."""
        return self.fixed + self.slope * pixels


def line(points: Iterable[tuple[int, float, int]]) -> Line:
    """The line nearest to (pixels, seconds, times measured) by squared relative error, neither part of it below 0.

    One size alone gives seconds in proportion to pixels.
    """
    points = [point for point in points if point[1] > 0]
    # Each point asks for fixed·u + slope·v = 1, where u = 1/seconds and v = pixels/seconds.
    u, v, uu, uv, vv = (sum(n * p**i / s**k for p, s, n in points) for i, k in ((0, 1), (1, 1), (0, 2), (1, 2), (2, 2)))
    determinant = uu * vv - uv * uv
    if len({p for p, _, _ in points}) > 1 and determinant > 0:
        fixed, slope = (u * vv - v * uv) / determinant, (v * uu - u * uv) / determinant
        if slope < 0:
            return Line(u / uu, 0.0)
        if fixed >= 0:
            return Line(fixed, slope)
    return Line(0.0, v / vv if points else 0.0)


class Pace:
    """The law from what was tried out and what was observed; L-BFGS keeps at most `history` pairs."""

    def __init__(self, history: int, tried: Sequence[Cost] = ()) -> None:
        self.history = history
        self._tried = {cost.pixels: [cost.step] for cost in tried}
        self._first: dict[int, tuple[float, int]] = {}
        self._observed = self._latest = 0
        self._refit()
        self._pair = line((cost.pixels, cost.pair, 1) for cost in tried)
        self._took = self._expected = 1.0

    def observe(self, pixels: int, iteration: int, seconds: float) -> None:
        """One step of the run; its iteration counts from 0 at each level."""
        self._observed += 1
        self._latest = pixels
        if self._observed <= _FIRST:
            pairs = self._pairs(iteration + 1) - self._pairs(iteration)
            total, times = self._first.get(pixels, (0.0, 0))
            self._first[pixels] = total + seconds - pairs * self._pair.at(pixels), times + 1
            self._refit()
            self._took = self._expected = self._observed * self._step.at(pixels)
        else:
            self._took = _MEMORY * self._took + seconds
            self._expected = _MEMORY * self._expected + self._law(pixels, iteration, iteration + 1)

    def again(self, done: float, left: float) -> bool:
        """Whether it is time to try the sizes once more, `done` and `left` seconds after and before the run's ends."""
        trials = list(self._tried.values())
        times = max(map(len, trials), default=0) - 1
        # A trial is an evaluation and what an entry takes, about.
        spent = 2 * sum(map(median, trials)) * (1 + times)
        return 0 <= times < len(_AGAIN) and done > _AGAIN[times] * (done + left) and spent < _AGAIN[0] * (done + left)

    def tried_again(self, costs: Iterable[Cost]) -> None:
        """Takes the median of all trials of a size."""
        before = self._step.at(self._latest)
        for cost in costs:
            self._tried[cost.pixels].append(cost.step)
        self._refit()
        self._expected *= self._step.at(self._latest) / before

    def _refit(self) -> None:
        tried = ((pixels, median(seconds), 1) for pixels, seconds in self._tried.items())
        self._step = line([*tried, *((p, total / n, n) for p, (total, n) in self._first.items())])

    def left(self, works: Sequence[Work], *, done: int = 0) -> float:
        """Seconds for some levels, of the first of which so many steps are done; 0 while nothing was tried or observed."""
        total = 0.0
        for work in works:
            begun = ENTRY * self._step.at(work.pixels) if done == 0 else 0.0
            total += begun + self._law(work.pixels, done, work.steps)
            done = 0
        return total * self._took / self._expected if self._expected > 0 else total

    def pixels_for(self, seconds: float) -> float:
        """Pixels of which one step takes so long."""
        return (seconds - self._step.fixed) / self._step.slope if self._step.slope > 0 else math.inf

    def _law(self, pixels: int, first: int, end: int) -> float:
        """The iterations first ≤ i < end of a level."""
        pairs = self._pairs(end) - self._pairs(first)
        return (end - first) * self._step.at(pixels) + pairs * self._pair.at(pixels)

    def _pairs(self, end: int) -> float:
        """The pairs of iterations 0 ≤ i < end together: one more with each, until the history is full."""
        growing = min(end, self.history)
        return growing * (growing - 1) / 2 + self.history * (end - growing)
