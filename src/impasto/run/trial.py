"""What a step costs here, tried out on noise at a few small sizes; the run itself is not touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import torch
from torch import Tensor

from impasto.evaluate import Evaluator
from impasto.images import fit
from impasto.losses.styles import Kind, stand_in
from impasto.objective import Guides, Objective, Survey, build
from impasto.optimize import Optimizer
from impasto.out_of_memory import is_out_of_memory
from impasto.run.pace import ENTRY, Cost, Pace, Work
from impasto.settings import Settings
from impasto.vgg import Vgg

MOST_SECONDS: Final = 0.3
MOST_SHARE: Final = 0.01
"""What all trials together may take, in seconds and of the run; the first evaluation of all, which warms up, is not counted."""

SMALLEST_PX: Final = 88
_SECOND: Final = 6
"""The second size by the first, even if that takes longer.

Both are as large as most runs' first levels: below, costs do not follow the law, since there the time goes into reading kernels.
"""

_WARM_UP_PX: Final = 48
"""The size of the first evaluation of all, which transforms the kernels and is not counted."""

_GROWTH: Final = 1.5
"""From one size to the next, at least: two that are near each other tell little."""

_STRIDE: Final = 16
"""From one size to the next, at most: where small sizes cost the same, they tell nothing of large ones."""

_STEPS: Final = 10


class Trial(NamedTuple):
    """The pace that was found, and what tries its sizes once more; None for a run too short to gain from that."""

    pace: Pace
    again: Callable[[], list[Cost]] | None


def goal_of_noise(settings: Settings, vgg: Vgg, x: Tensor) -> Objective:
    """An objective that costs what the run's own does, of some noise, [1, 3, H, W], 0..1, without any style measured."""
    return build(
        settings.model_copy(update={"style_weights": None, "style_strokes": ("all",), "style_pull": (1.0,)}),
        vgg,
        x,
        [x],
        grams=_unmeasured,
    )


def _unmeasured(
    vgg: Vgg, style: Tensor, layers: Sequence[str], survey: Survey, kind: Kind, guides: Guides | None
) -> dict[str, Tensor]:
    """Statistics of no style: what a step costs does not depend on them."""
    del style, survey, guides
    channels = {conv.name: conv.channels_out for conv in vgg.architecture.convs}
    return {layer: stand_in(kind, channels[vgg.architecture.layer(layer)]).to(vgg.device) for layer in layers}


def pace_of(
    evaluator: Callable[[Tensor], Evaluator],
    optimizer: Callable[[], Optimizer],
    *,
    history: int,
    works: Sequence[Work],
    final: tuple[int, int],
    min_side_px: int,
    device: torch.device,
    always: bool,
) -> Trial:
    """Return the pace of a run that does these works and ends at the size `final` (height, width).

    `evaluator` gives one for a picture [1, 3, H, W], `optimizer` a fresh one that keeps `history` correction pairs.  Sizes grow
    from the smallest until the next one would take too long.  A run too short for the first is not tried out, unless `always`.
    """
    size = _at_least(min_side_px, fit(final, min(SMALLEST_PX, max(final))))
    evaluations = 1 if device.type == "cpu" else 2  # other devices have to warm up at each size
    one_trial = ENTRY + evaluations
    short = one_trial * size[0] * size[1] > MOST_SHARE * sum(work.pixels * work.steps for work in works)
    if short and not always:
        return Trial(Pace(history), None)

    def try_out(size: tuple[int, int]) -> Cost | None:
        """Return what a step costs at a size; None where memory runs out: trials have no memory plan, and the run has one."""
        try:
            noise = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0), dtype=torch.float32, device="cpu").to(
                device
            )
            return cost_of(evaluator(noise), optimizer(), noise, history=history, evaluations=evaluations)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    try_out(_at_least(min_side_px, fit(final, min(_WARM_UP_PX, max(final)))))
    begun = time.perf_counter()
    sizes, costs = [size], list[Cost]()
    while True:
        found = try_out(sizes[-1])
        if found is None:
            return Trial(Pace(history, costs), None)
        costs.append(found)
        pace = Pace(history, costs)
        budget = min(MOST_SECONDS, MOST_SHARE * pace.left(works)) - (time.perf_counter() - begun)
        least = _SECOND * costs[0].pixels if len(costs) == 1 and not short else 0
        affordable = min(pace.pixels_for(budget / one_trial), _STRIDE * costs[-1].pixels) if budget > 0 else 0
        larger = _at_least(min_side_px, _within(final, max(least, affordable)))
        if larger[0] * larger[1] < _GROWTH * costs[-1].pixels:
            return Trial(pace, None if short else lambda: [cost for cost in map(try_out, sizes) if cost is not None])
        sizes.append(larger)


def _within(size: tuple[int, int], pixels: float) -> tuple[int, int]:
    """The size (height, width) of the same shape with at most so many pixels, but not enlarged."""
    scale = min(1.0, (max(0.0, pixels) / (size[0] * size[1])) ** 0.5)
    return int(size[0] * scale), int(size[1] * scale)


def _at_least(side_px: int, size: tuple[int, int]) -> tuple[int, int]:
    return max(side_px, size[0]), max(side_px, size[1])


def cost_of(evaluate: Evaluator, optimizer: Optimizer, x: Tensor, *, history: int, evaluations: int) -> Cost:
    """What a step costs at the size of x: [1, 3, H, W], all in 0..1; `optimizer` is a fresh one that keeps `history` pairs.

    The fastest of so many evaluations counts: others may be held up by something else, or warm up a device.
    """
    evaluation = min(_timed(lambda: evaluate(x).gradient)[1] for _ in range(evaluations))
    seconds: list[float] = []
    point = x
    for _ in range(_STEPS):
        # The gradient of ½·Σ w·x², whose curvature w > 0 makes each step a pair.
        point, spent = _timed(partial(optimizer.step, point, (0.5 + x) * point))
        seconds.append(spent)
    # The first step has no pair.  The least of three steps, since any single one may be held up by something else.
    few, many = min(seconds[1:4]), min(seconds[-3:])
    pair = (many - few) / (_STEPS - 4) if history >= _STEPS else 0.0
    return Cost(x.shape[2] * x.shape[3], evaluation + few, max(0.0, pair))


def _timed(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    begun = time.perf_counter()
    result = work()
    result.flatten()[0].item()  # a device may answer before it is done
    return result, time.perf_counter() - begun
