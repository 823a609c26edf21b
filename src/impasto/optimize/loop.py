"""The guarded loop: evaluate, check, step; a bad evaluation goes back to the last good point.

Bad is a value or gradient that is not finite, or a value over ten times the last good one.  Then the optimiser retreats: last
good point, history dropped, step halved.  Each retreat is recorded, and too many in a row end the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from impasto.errors import RunError
from impasto.optimize.vectors import Vectors

JUMP: Final = 10.0
_COUNTS: Final = ("iteration", "last_good", "retreats_in_a_row", "scale")
MAX_RETREATS_IN_A_ROW: Final = 20


class Measured(Protocol):
    """What the loop needs of an evaluation."""

    @property
    def value(self) -> float:
        """The value."""

    @property
    def gradient(self) -> Tensor:
        """The gradient, with the shape of x."""

    @property
    def finite(self) -> bool:
        """Whether every entry of the gradient is a finite number."""


class Optimizer(Protocol):
    """Gives the next point, and another one when that went wrong."""

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The next point from x and the gradient there, which is used up."""

    def retreat(self) -> Tensor:
        """Another, shorter step from the last point."""

    def mark(self) -> object:
        """What `back_to` needs, valid until the step after the next."""

    def back_to(self, mark: object) -> None:
        """Forgets the one step made since the mark; only for a retreat at once."""

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs; valid until the next step, which may write over it."""

    def restore(self, state: Mapping[str, Tensor], *, device: torch.device | str) -> None:
        """Go on from a saved state, copied to the device."""


@dataclass(frozen=True)
class Rollback:
    """A bad evaluation: in which iteration, and why."""

    iteration: int
    reason: str


E = TypeVar("E", bound=Measured)


@dataclass
class Loop(Generic[E]):
    """One minimisation under guard; `x` is the point to evaluate next, `iteration` how many evaluations were made."""

    evaluate: Callable[[Tensor], E]
    optimizer: Optimizer
    x: Tensor
    ahead: bool = False
    vectors: Vectors = field(default_factory=Vectors)
    iteration: int = 0
    last_good: float | None = None
    rollbacks: list[Rollback] = field(default_factory=list)
    retreats_in_a_row: int = 0
    scale: float | None = None
    """Makes the first gradient's root mean square 1, so that neither optimiser depends on the size of J's weights."""

    def __post_init__(self) -> None:
        self._begun: E | None = None

    def advance(self, *, last: bool = False) -> tuple[Tensor, E] | None:
        """One iteration: the good point and its evaluation, or None when it was bad and the loop went back.

        `last`: nothing will come after it, so nothing is begun ahead.  Raises RunError when the start is bad, or after too many
        retreats in a row.
        """
        x, evaluation = self.x, self.evaluate(self.x) if self._begun is None else self._begun
        mark = self.optimizer.mark()
        # Before the first good evaluation nothing is known to go back to.
        ahead = self._step(x, evaluation) if self.ahead and not last and self.scale is not None else None
        self._begun = None if ahead is None else self.evaluate(ahead)
        self.iteration += 1
        reason = self._fault(evaluation)
        if reason is None:
            self.last_good = evaluation.value
            self.retreats_in_a_row = 0
            self.x = self._step(x, evaluation) if ahead is None else ahead
            return x, evaluation
        if self.last_good is None:
            raise RunError(f"the objective at the start image cannot be used: {reason}; check the weights of the terms")
        self.rollbacks.append(Rollback(self.iteration, reason))
        self.retreats_in_a_row += 1
        if self.retreats_in_a_row > MAX_RETREATS_IN_A_ROW:
            raise RunError(f"{MAX_RETREATS_IN_A_ROW} steps in a row failed ({reason}); check the weights of the terms")
        if ahead is not None:
            self.optimizer.back_to(mark)
            self._begun = None
        self.x = self.optimizer.retreat()
        return None

    def counts(self) -> dict[str, Any]:
        """All that is known beside the optimiser's state and x, as JSON values."""
        return {name: getattr(self, name) for name in _COUNTS}

    def count_from(self, counts: Mapping[str, Any]) -> None:
        """Goes on from what `counts` gave."""
        for name in _COUNTS:
            setattr(self, name, counts[name])

    def _step(self, x: Tensor, evaluation: E) -> Tensor:
        if self.scale is None:
            self.scale = _one_over_rms(evaluation.gradient, self.vectors)
        # In place: nothing else needs it, and there may be no memory for a second one.
        return self.optimizer.step(x, evaluation.gradient.mul_(self.scale))

    def _fault(self, evaluation: E) -> str | None:
        value = evaluation.value
        if not math.isfinite(value):
            return f"J is {value}"
        if not evaluation.finite:
            return "the gradient is not finite"
        if self.last_good is not None and value > JUMP * self.last_good:
            return f"J jumped from {self.last_good:.6g} to {value:.6g}"
        return None


def _one_over_rms(gradient: Tensor, vectors: Vectors) -> float:
    """1/√mean(g²); 1 for no gradient."""
    flat = gradient.view(-1)
    mean_square: float = vectors.mean_square(flat).item()
    if 1e-30 < mean_square < 1e30:
        return 1 / math.sqrt(mean_square)
    # Squares may be beyond float32: those of shares of the mean size are not.
    unit = vectors.mean_size(flat).item()
    return 1.0 if unit == 0 else 1 / (unit * math.sqrt(vectors.mean_square(flat / unit).item()))
