"""The report of a run on each of its evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from impasto.torch_modes import own_torch_modes


@dataclass(frozen=True)
class Step:
    """One evaluation of a run.  `loss` is J, `parts` are J_content, J_style, J_variation without α, β, γ."""

    level: int
    levels: int
    size: tuple[int, int]
    iteration: int
    iterations: int
    step: int
    steps: int
    loss: float
    parts: Mapping[str, float]
    rolled_back: str | None
    seconds_left: float
    note: str | None
    """What the user should know: that memory ran out, and how the run goes on."""

    picture: Tensor = field(repr=False, compare=False)
    """The run's own picture, from which it goes on: read it only, or take `rgb`, which is a copy."""

    @property
    @own_torch_modes()
    def rgb(self) -> Tensor:
        """The picture evaluated, [1, 3, H, W], sRGB-encoded, at the level's size; pixels may leave 0..1 where bounds are free.

        A copy, made each time it is read: the caller may write to it, and the run does not see it.  It is the picture of this
        step whenever it is read.  What `color` and masks do at the end is not done to it (`Run.finished_picture`).

        Of several processes the first has it, at steps that `save_every` asks for; else it has no rows.
        """
        return self.picture.detach().clone()


@dataclass(frozen=True)
class Record:
    """One line of the losses: step counts all evaluations, iteration those of its level, from 0."""

    step: int
    level: int
    width: int
    height: int
    iteration: int
    loss: float
    parts: Mapping[str, float]
