"""What an evaluator gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """J at a picture, its parts without α, β, γ, and its gradient with the picture's shape.

    The numbers are read when they are first asked for: reading is a wait for the device.
    """

    gradient: Tensor
    names: tuple[str, ...]
    """The names of the parts."""
    numbers: Tensor
    """J, its parts, and 1 if the gradient is finite, else 0; [2 + parts], on the CPU once `ready`, elsewhere at any time."""
    ready: torch.cuda.Event | None = None

    @cached_property
    def _read(self) -> list[float]:
        if self.ready is not None:
            self.ready.synchronize()
        numbers: list[float] = self.numbers.tolist()
        return numbers

    @property
    def value(self) -> float:
        """J."""
        return self._read[0]

    @property
    def parts(self) -> Mapping[str, float]:
        """The parts of J by name, without α, β, γ."""
        return dict(zip(self.names, self._read[1:-1], strict=True))

    @property
    def finite(self) -> bool:
        """Whether every entry of the gradient is a finite number."""
        return self._read[-1] == 1


class Evaluator(Protocol):
    """Picture [1, 3, H, W], sRGB-encoded, 0..1 → Evaluation."""

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb."""


def _own(numbers: Tensor) -> Tensor:
    return numbers


def evaluation(
    total: Tensor, parts: Mapping[str, Tensor], gradient: Tensor, *, agree: Callable[[Tensor], Tensor] = _own
) -> Evaluation:
    """From scalars on the gradient's device, which are on their way to the CPU from now on, in one transfer.

    `agree` makes the numbers those of all that evaluate together.
    """
    finite = torch.isfinite(gradient).all().to(total)
    numbers, ready = agree(torch.stack([total, *parts.values(), finite])), None
    if numbers.device.type == "cuda":
        numbers, ready = numbers.to("cpu", non_blocking=True), torch.cuda.Event()  # type: ignore[no-untyped-call]
        ready.record()
    return Evaluation(gradient, tuple(parts), numbers, ready)
