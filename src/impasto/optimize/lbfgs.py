"""L-BFGS without line search: x ← P(x − H·g), H from the last m pairs (s, y) by the two-loop recursion.

Nocedal and Wright 2006, algorithm 7.4.  Unit steps are what style transfer uses since 2015: an evaluation costs as much as a
step, and the loop guards against the rare bad one.  Departures: the first step is short and of a known size, since H is unknown
then; a pair enters only with positive curvature; no step is longer than a limit; box bounds by projection (bounds.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import torch
from torch import Tensor

from impasto.optimize.bounds import Bounds
from impasto.optimize.vectors import Vectors

FIRST_STEP_RMS: Final = 0.02
MAX_STEP_RMS: Final = 0.05
"""Root mean square of the first displacement, and the most of any other, where x spans 0..1.

Chosen by measurement (docs/decisions/0004-steps-of-lbfgs.md): with a first step of 0.005 and no limit the early curvature is so
wrong that J rises several-fold and steps have to be undone.
"""


class Metric(Protocol):
    """P of H₀ = γ·P, symmetric and positive definite, on tensors of x's shape."""

    def apply_(self, x: Tensor) -> Tensor:
        """P·x in x's place, and x."""

    def square(self, x: Tensor) -> Tensor:
        """xᵀ·P·x."""


class Lbfgs:
    """One minimisation; the state is a few tensors and can be saved exactly."""

    def __init__(
        self,
        *,
        history: int = 50,
        bounds: Bounds | None = None,
        metric: Metric | None = None,
        vectors: Vectors | None = None,
        first_step_rms: float = FIRST_STEP_RMS,
        max_step_rms: float = MAX_STEP_RMS,
    ) -> None:
        """Start without a history; `metric` None is the identity, `vectors` None keeps the history in memory."""
        self.history = history
        self.bounds = bounds
        self.metric = metric
        self.first_step_rms = first_step_rms
        self.max_step_rms = max_step_rms
        self.shrink = 1.0
        self._vectors = vectors or Vectors()
        self._rows = self._vectors.rows(2 * history + 2)
        self._s: list[Tensor] = []
        self._y: list[Tensor] = []
        self._rho: list[Tensor] = []
        self._gamma = torch.zeros((), dtype=torch.float32, device="cpu")
        """γ of H₀ = γ·P: of the latest pair that entered, before any that of the first step."""
        self._x: Tensor | None = None
        self._g: Tensor | None = None

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The next point from x and the gradient there, both of any one shape; the gradient is used up."""
        if self._x is not None and self._g is not None:
            self._remember(x, gradient, self._x, self._g)
        self._x, self._g = self._vectors.keep(x, self._x), self._vectors.keep(gradient, self._g)
        self.shrink = min(1.0, 2 * self.shrink)
        return self._move(x, self._vectors.own(gradient, self._g))

    def retreat(self) -> Tensor:
        """Another, shorter step from the last point, the history dropped: the step from there went wrong."""
        if self._x is None or self._g is None:
            raise RuntimeError("retreat() before the first step()")
        self.shrink *= 0.5
        self._rows.give(*self._s, *self._y)
        self._s, self._y, self._rho = [], [], []
        return self._move(self._x, self._g.clone())

    def mark(self) -> object:
        """What `back_to` needs: the point, the gradient there, and the length of steps."""
        return self._x, self._g, self.shrink

    def back_to(self, mark: object) -> None:
        """Forgets the one step made since the mark, but not its pair, which a retreat drops."""
        self._x, self._g, self.shrink = mark  # type: ignore[misc]

    def _remember(self, x: Tensor, gradient: Tensor, x_before: Tensor, gradient_before: Tensor) -> None:
        s, y = self._rows.take(x), self._rows.take(x)
        self._vectors.subtract(x.view(-1), x_before.view(-1), s)
        self._vectors.subtract(gradient.view(-1), gradient_before.view(-1), y)
        sy, yy = self._vectors.dot(s, y), self._vectors.dot(y, y)
        rho = _rho(sy, yy)
        measured = yy if self.metric is None else self.metric.square(y.view_as(x))
        self._gamma = torch.where(rho > 0, sy / measured, self._gamma)
        self._s.append(s)
        self._y.append(y)
        self._rho.append(rho)
        if len(self._s) > self.history:
            self._rows.give(self._s.pop(0), self._y.pop(0))
            del self._rho[0]

    def _move(self, x: Tensor, q: Tensor) -> Tensor:
        """The next point from x, made in place of the gradient q there: there may be no memory for both."""
        free = self.bounds.free(x, q) if self.bounds is not None else None
        if free is not None:
            q *= free
        self._direct(q)
        if free is not None:
            q *= free
        rms = self._vectors.mean_square(q.view(-1)).sqrt()
        # The direction is −q.
        moved = q.mul_((self.max_step_rms / rms).clamp(max=1.0).neg_()).add_(x)
        return moved if self.bounds is None else self.bounds.clip_(moved)

    def _direct(self, q: Tensor) -> None:
        """H·q in place of q, by the two-loop recursion."""
        flat = q.view(-1)
        if not self._s:
            if self.metric is not None:
                self.metric.apply_(q)
            rms = self._vectors.mean_square(flat).sqrt()
            self._gamma = self.shrink * self.first_step_rms / rms.clamp_min(torch.finfo(q.dtype).tiny)
            q *= self._gamma
            return
        alphas = []
        for s, y, rho in zip(reversed(self._s), reversed(self._y), reversed(self._rho), strict=True):
            alpha = rho * self._vectors.dot(s, flat)
            self._vectors.add(flat, -alpha, y)
            alphas.append(alpha)
        if self.metric is not None:
            self.metric.apply_(q)
        q *= self._gamma
        for s, y, rho, alpha in zip(self._s, self._y, self._rho, reversed(alphas), strict=True):
            self._vectors.add(flat, alpha - rho * self._vectors.dot(y, flat), s)

    def state(self) -> dict[str, Tensor]:
        """Return all that a later `restore` needs to go on exactly; it is valid until the next step, which may write over it."""
        state = {"shrink": torch.tensor(self.shrink, dtype=torch.float32, device="cpu")}
        if self._x is not None and self._g is not None:
            state |= {"x": self._x, "g": self._g, "gamma": self._gamma}
        state |= {f"s.{i:04d}": s for i, s in enumerate(self._s)}
        return state | {f"y.{i:04d}": y for i, y in enumerate(self._y)}

    def restore(self, state: Mapping[str, Tensor], *, device: torch.device | str = "cpu") -> None:
        """Go on from a saved state, copied to the device; from the latest pairs, if it has more than are kept here."""
        self.shrink = float(state["shrink"])
        self._x, self._g = (self._vectors.keep(state[name].to(device, copy=True)) for name in ("x", "g"))
        self._rows = self._vectors.rows(2 * self.history + 2)
        self._s, self._y = (
            [self._row(state[name]) for name in sorted(name for name in state if name.startswith(kind))[-self.history :]]
            for kind in ("s.", "y.")
        )
        self._gamma = state["gamma"].to(device)
        dot = self._vectors.dot
        self._rho = [_rho(dot(s, y), dot(y, y)) for s, y in zip(self._s, self._y, strict=True)]

    def _row(self, values: Tensor) -> Tensor:
        if self._x is None:
            raise RuntimeError("rows are like x, which comes first")
        row = self._rows.take(self._x)
        self._vectors.copy(values, row)
        return row


def _rho(sy: Tensor, yy: Tensor) -> Tensor:
    """1/s·y, or 0 for a pair without positive curvature, which then changes nothing: a device need not be asked which it is."""
    return torch.where(sy > 1e-10 * yy, 1 / sy, 0.0)
