"""L-BFGS without line search: x ← P(x − H·g), H from the last m pairs (s, y) by the two-loop recursion.

Nocedal and Wright 2006, algorithm 7.4.  Unit steps are what style transfer uses since 2015: an evaluation costs as much as a
step, and the loop guards against the rare bad one.  Departures: the first step is short and of a known size, since H is unknown
then; a pair enters only with positive curvature; no step is longer than a limit; box bounds by projection (bounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from impasto.optimize.bounds import Bounds
from impasto.optimize.rows import Rows

FIRST_STEP_RMS: Final = 0.02
MAX_STEP_RMS: Final = 0.05
"""Root mean square of the first displacement, and the most of any other, where x spans 0..1.

Chosen by measurement (docs/decisions/0004-steps-of-lbfgs.md): with a first step of 0.005 and no limit the early curvature is so
wrong that J rises several-fold and steps have to be undone.
"""


class Lbfgs:
    """One minimisation; the state is a few tensors and can be saved exactly."""

    def __init__(
        self,
        *,
        history: int = 50,
        bounds: Bounds | None = None,
        metric: Callable[[Tensor], Tensor] | None = None,
        first_step_rms: float = FIRST_STEP_RMS,
        max_step_rms: float = MAX_STEP_RMS,
    ) -> None:
        """`metric`: P of H₀ = γ·P, symmetric and positive definite, on tensors of x's shape; None is the identity."""
        self.history = history
        self.bounds = bounds
        self.metric = metric
        self.first_step_rms = first_step_rms
        self.max_step_rms = max_step_rms
        self.shrink = 1.0
        self._rows = Rows(2 * history + 2)
        self._s: list[Tensor] = []
        self._y: list[Tensor] = []
        self._rho: list[Tensor] = []
        self._gamma = torch.zeros(())
        """γ of H₀ = γ·P: of the latest pair that entered, before any that of the first step."""
        self._x: Tensor | None = None
        self._g: Tensor | None = None

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The next point from x and the gradient there, both of any one shape."""
        if self._x is not None and self._g is not None:
            self._remember(x, gradient, self._x, self._g)
        self._x, self._g = x, gradient
        self.shrink = min(1.0, 2 * self.shrink)
        return self._move()

    def retreat(self) -> Tensor:
        """Another, shorter step from the last point, the history dropped: the step from there went wrong."""
        self.shrink *= 0.5
        self._rows.give(*self._s, *self._y)
        self._s, self._y, self._rho = [], [], []
        return self._move()

    def mark(self) -> object:
        """What `back_to` needs: the point, the gradient there, and the length of steps."""
        return self._x, self._g, self.shrink

    def back_to(self, mark: object) -> None:
        """Forgets the one step made since the mark, but not its pair, which a retreat drops."""
        self._x, self._g, self.shrink = mark  # type: ignore[misc]

    def _remember(self, x: Tensor, gradient: Tensor, x_before: Tensor, gradient_before: Tensor) -> None:
        s, y = (
            torch.sub(now.flatten(), before.flatten(), out=self._rows.take(now))
            for now, before in ((x, x_before), (gradient, gradient_before))
        )
        sy = torch.dot(s, y)
        rho = _rho(sy, torch.dot(y, y))
        self._gamma = torch.where(rho > 0, sy / torch.dot(y, self._measured(y)), self._gamma)
        self._s.append(s)
        self._y.append(y)
        self._rho.append(rho)
        if len(self._s) > self.history:
            self._rows.give(self._s.pop(0), self._y.pop(0))
            del self._rho[0]

    def _move(self) -> Tensor:
        if self._x is None or self._g is None:
            raise RuntimeError("retreat() before the first step()")
        x, gradient = self._x, self._g
        free = self.bounds.free(x, gradient) if self.bounds is not None else None
        reduced = gradient if free is None else gradient * free
        direction = self._direction(reduced.flatten()).view_as(x)
        if free is not None:
            direction = direction * free
        rms = direction.square().mean().sqrt()
        moved = x + direction * (self.max_step_rms / rms).clamp(max=1.0)
        return moved if self.bounds is None else self.bounds.clip(moved)

    def _direction(self, gradient: Tensor) -> Tensor:
        """−H·gradient by the two-loop recursion."""
        if not self._s:
            down = self._measured(gradient)
            length = self.shrink * self.first_step_rms * gradient.numel() ** 0.5
            self._gamma = length / down.norm().clamp_min(torch.finfo(gradient.dtype).tiny)
            return -down * self._gamma
        q = gradient.clone()
        alphas = []
        for s, y, rho in zip(reversed(self._s), reversed(self._y), reversed(self._rho), strict=True):
            alpha = rho * torch.dot(s, q)
            q.addcmul_(alpha, y, value=-1)
            alphas.append(alpha)
        q = self._measured(q) * self._gamma
        for s, y, rho, alpha in zip(self._s, self._y, self._rho, reversed(alphas), strict=True):
            q.addcmul_(alpha - rho * torch.dot(y, q), s)
        return q.neg_()

    def _measured(self, v: Tensor) -> Tensor:
        """P·v of a flat v."""
        if self.metric is None or self._x is None:
            return v
        return self.metric(v.view_as(self._x)).flatten()

    def state(self) -> dict[str, Tensor]:
        """All that a later `restore` needs to go on exactly; valid until the next step, which may write over it."""
        state = {"shrink": torch.tensor(self.shrink)}
        if self._x is not None and self._g is not None:
            state |= {"x": self._x, "g": self._g, "gamma": self._gamma}
        state |= {f"s.{i:04d}": s for i, s in enumerate(self._s)}
        return state | {f"y.{i:04d}": y for i, y in enumerate(self._y)}

    def restore(self, state: Mapping[str, Tensor], *, device: torch.device | str = "cpu") -> None:
        """Go on from a saved state, copied to the device."""
        self.shrink = float(state["shrink"])
        x = state["x"].to(device, copy=True)
        self._x, self._g = x, state["g"].to(device, copy=True)
        self._rows = Rows(2 * self.history + 2)
        self._s, self._y = (
            [self._rows.take(x).copy_(state[name]) for name in sorted(state) if name.startswith(kind)] for kind in ("s.", "y.")
        )
        self._gamma = state["gamma"].to(device)
        self._rho = [_rho(torch.dot(s, y), torch.dot(y, y)) for s, y in zip(self._s, self._y, strict=True)]


def _rho(sy: Tensor, yy: Tensor) -> Tensor:
    """1/s·y, or 0 for a pair without positive curvature, which then changes nothing: a device need not be asked which it is."""
    return torch.where(sy > 1e-10 * yy, 1 / sy, 0.0)
