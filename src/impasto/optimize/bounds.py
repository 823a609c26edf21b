"""The box lower ≤ x ≤ upper, kept by projection (Bertsekas 1982): a step that would leave it ends on its face.

Coordinates that stand on a face while the descent direction points out of the box are frozen for the step, so that they neither
bend the quasi-Newton direction of the others nor count as curvature.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Bounds:
    """A box with the same bounds for all coordinates."""

    lower: float
    upper: float

    def clip_(self, x: Tensor) -> Tensor:
        """x, moved to the nearest point of the box."""
        return x.clamp_(self.lower, self.upper)

    def free(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Mask of the coordinates that descent may move: not on a face with −gradient pointing out."""
        below = (x <= self.lower).logical_and_(gradient > 0)
        return below.logical_or_((x >= self.upper).logical_and_(gradient < 0)).logical_not_()
