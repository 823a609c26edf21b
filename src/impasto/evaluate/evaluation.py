"""What an evaluator gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """J at a picture, its parts without α, β, γ, and its gradient with the picture's shape."""

    value: float
    parts: Mapping[str, float]
    gradient: Tensor


class Evaluator(Protocol):
    """Picture [1, 3, H, W], sRGB-encoded, 0..1 → Evaluation."""

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb."""


def evaluation(total: Tensor, parts: Mapping[str, Tensor], gradient: Tensor) -> Evaluation:
    """From scalars on the device, in one transfer: each is a wait for it."""
    value, *others = torch.stack([total, *parts.values()]).tolist()
    return Evaluation(value, dict(zip(parts, others, strict=True)), gradient)
