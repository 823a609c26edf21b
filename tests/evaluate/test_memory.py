"""The memory plan: what needs what, and the fastest that fits."""

from __future__ import annotations

from typing import Any

import pytest
from tests.samples import WIDE, tiny_weights

from impasto.evaluate.memory import FORWARD, Demand, Plan
from impasto.losses import PIXELS
from impasto.native import library
from impasto.presets import resolve
from impasto.vgg import Vgg

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_2", "conv5_1")
SIZE = (1000, 1400)


def demand(layers: tuple[str, ...] = LAYERS, **values: Any) -> Demand:
    settings = resolve(values)
    return Demand(Vgg(tiny_weights(WIDE), pooling=settings.pooling), layers, settings)


@pytest.mark.skipif(library() is None, reason="no compiler at installation")
def test_what_our_own_convolutions_keep_is_counted_by_how_they_pool() -> None:
    """32 channels: pooled at once, a mark for four outputs; else each output's mark, and the outputs for the pooling."""
    at_once, average = (demand(("conv2_1",), pooling=pooling).kept_per_pixel(("conv2_1",)) for pooling in ("max", "average"))
    assert average - at_once == 32 * (1 - 1 / 4) + 4 * 32 + 4 * 32  # conv1_2's marks and outputs, and conv1_1's, not in bands
    assert (
        demand(("conv2_1", "conv1_2")).kept_per_pixel(("conv1_2", "conv2_1")) - average == 2 * 32
    )  # and the indices of max pooling


def test_deeper_layers_need_more_memory() -> None:
    assert demand((*LAYERS, "conv5_4")).plans(SIZE)[0].memory > demand().plans(SIZE)[0].memory


def test_the_whole_picture_recomputed_needs_less_than_the_whole_and_takes_longer() -> None:
    whole, *others = demand().plans(SIZE)
    again = next(plan for plan in others if plan.tile_px is None and plan.kept_from == "conv2_1" and plan.history == 10)
    assert (whole.tile_px, whole.kept_from) == (None, PIXELS)
    assert again.memory < whole.memory
    assert whole.slowdown < again.slowdown < whole.slowdown * (1 + FORWARD)
    assert again.words == "the whole picture at once, recomputed to conv2_1, 10 pairs of history"


def test_keeping_less_needs_less_and_takes_longer() -> None:
    cut: dict[int, list[Plan]] = {}
    for plan in demand().plans(SIZE, disk=False):
        if plan.history == 10 and plan.tile_px is not None:
            cut.setdefault(plan.tile_px, []).append(plan)
    first = (
        [] if library() is not None else ["conv1_1"]
    )  # our own kernels compute the first block in bands and keep nothing of it
    for plans in cut.values():
        assert [plan.kept_from for plan in plans] == [PIXELS, *first, "conv2_1", "conv3_1", "conv4_2", None]
        assert [plan.memory for plan in plans] == sorted((plan.memory for plan in plans), reverse=True)
        assert plans[0].cost < plans[1].cost < plans[-1].cost == pytest.approx(plans[0].cost * (1 + FORWARD))


def test_a_pair_of_the_history_is_counted_once() -> None:
    longer, shorter = (demand(lbfgs_history=history).plans(SIZE)[0] for history in (51, 50))
    assert longer.memory - shorter.memory == 2 * 3 * 4 * SIZE[0] * SIZE[1]  # s and y, float32


def test_adam_needs_less_memory_than_a_long_history_and_has_none() -> None:
    adam = demand(optimizer="adam").plans(SIZE)[0]
    assert adam.memory < demand(lbfgs_history=50).plans(SIZE)[0].memory
    assert adam.history == 0


def test_the_first_plan_is_the_whole_with_the_history_asked_for_and_each_lever_lowers_memory() -> None:
    plans = demand().plans(SIZE)
    assert (plans[0].tile_px, plans[0].history, plans[0].on_disk, plans[0].slowdown) == (None, 10, False, 1.0)
    assert [plan.slowdown for plan in plans] == sorted(plan.slowdown for plan in plans)
    tiled = [plan for plan in plans if plan.tile_px is not None]

    def key(plan: Plan) -> tuple[object, ...]:
        return plan.tile_px, plan.kept_from, plan.on_disk

    for plan in tiled:
        more = [other for other in tiled if key(other) == key(plan)]
        assert all(other.memory >= plan.memory for other in more if other.history >= plan.history)
    least = min(plans, key=lambda plan: plan.memory)
    assert least.on_disk
    assert least.history == 5
    assert least.memory < plans[0].memory / 5


def test_without_a_disk_nothing_lies_there() -> None:
    assert not any(plan.on_disk for plan in demand().plans(SIZE, disk=False))


def test_a_plan_says_what_it_is() -> None:
    plans = demand().plans(SIZE)
    assert plans[0].words == "the whole picture at once, 10 pairs of history"
    least = next(plan for plan in plans if plan.on_disk and plan.history == 5)
    assert least.words == f"{least.tiles} tiles of {least.tile_px} px, 5 pairs of history, {least.disk / 1e9:.1f} GB on disk"
