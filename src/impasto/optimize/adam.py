"""Adam: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², x ← x − η·m̂/(√v̂ + ε).  Kingma and Ba 2015, algorithm 1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from impasto.optimize.bounds import Bounds


class Adam:
    """One minimisation at a fixed learning rate."""

    def __init__(
        self,
        *,
        learning_rate: float,
        bounds: Bounds | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate = learning_rate
        self.bounds = bounds
        self.betas = betas
        self.epsilon = epsilon
        self.shrink = 1.0
        self._steps = 0
        self._x: Tensor | None = None
        self._g: Tensor | None = None
        self._m: Tensor | None = None
        self._v: Tensor | None = None

    def step(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The next point from x and the gradient there, which is used up."""
        self._x, self._g = x, gradient
        self.shrink = min(1.0, 2 * self.shrink)
        return self._move()

    def retreat(self) -> Tensor:
        """Another step from the last point at half the learning rate, the moments dropped."""
        self.shrink *= 0.5
        self._steps, self._m, self._v = 0, None, None
        return self._move()

    def mark(self) -> object:
        """What `back_to` needs: the point, the gradient there, and the share of the learning rate."""
        return self._x, self._g, self.shrink

    def back_to(self, mark: object) -> None:
        """Forgets the one step made since the mark, but not its moments, which a retreat drops."""
        self._x, self._g, self.shrink = mark  # type: ignore[misc]

    def _move(self) -> Tensor:
        if self._x is None or self._g is None:
            raise RuntimeError("retreat() before the first step()")
        first, second = self.betas
        g = self._g
        if self._m is None or self._v is None:
            self._m, self._v = torch.zeros_like(g), torch.zeros_like(g)
        self._m.mul_(first).add_(g, alpha=1 - first)
        self._v.mul_(second).addcmul_(g, g, value=1 - second)
        self._steps += 1
        root = (self._v / (1 - second**self._steps)).sqrt_().add_(self.epsilon)
        rate = self.shrink * self.learning_rate / (1 - first**self._steps)
        moved = torch.div(self._m, root, out=root).mul_(-rate).add_(self._x)
        return moved if self.bounds is None else self.bounds.clip_(moved)

    def state(self) -> dict[str, Tensor]:
        """Return all that a later `restore` needs to go on exactly."""
        state = {
            "shrink": torch.tensor(self.shrink, dtype=torch.float32, device="cpu"),
            "steps": torch.tensor(self._steps, dtype=torch.int64, device="cpu"),
        }
        named = {"x": self._x, "g": self._g, "m": self._m, "v": self._v}
        return state | {name: value for name, value in named.items() if value is not None}

    def restore(self, state: Mapping[str, Tensor], *, device: torch.device | str = "cpu") -> None:
        """Go on from a saved state, copied to the device."""
        self.shrink = float(state["shrink"])
        self._steps = int(state["steps"])
        self._x, self._g, self._m, self._v = (state[name].to(device, copy=True) for name in ("x", "g", "m", "v"))
