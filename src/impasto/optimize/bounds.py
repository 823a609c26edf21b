"""The box lower ≤ x ≤ upper, kept by projection (Bertsekas 1982): a step that would leave it ends on its face.

Coordinates that stand on a face while the descent direction points out of the box are frozen for the step, so that they neither
bend the quasi-Newton direction of the others nor count as curvature.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bounds:
    """A box with the same bounds for all coordinates."""

    lower: float
    upper: float

    def clip(self, x: Tensor) -> Tensor:
        """The nearest point of the box."""
        return x.clamp(self.lower, self.upper)

    def free(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Mask of the coordinates that descent may move: not on a face with −gradient pointing out."""
        held = ((x <= self.lower) & (gradient > 0)) | ((x >= self.upper) & (gradient < 0))
        return torch.logical_not(held)
