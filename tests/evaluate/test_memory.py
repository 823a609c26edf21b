"""The memory plan: what needs what, and the fastest that fits."""

from __future__ import annotations

from typing import Any

import pytest
from tests.samples import WIDE, tiny_weights

from impasto.evaluate.memory import FORWARD, PICTURE, Demand, Plan
from impasto.losses import PIXELS
from impasto.losses.products import outer_sum_bytes
from impasto.native import library
from impasto.presets import resolve
from impasto.vgg import Vgg

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_2", "conv5_1")
SIZE = (1000, 1400)


def demand(layers: tuple[str, ...] = LAYERS, *, masks: int = 0, **values: Any) -> Demand:
    settings = resolve(values)
    return Demand(Vgg(tiny_weights(WIDE), pooling=settings.pooling), layers, settings, masks)


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


def test_masks_are_counted_at_each_style_layer() -> None:
    """Four bytes per position of conv1_1 (each pixel), conv2_1 (a quarter of them), conv3_1, conv4_1 and conv5_1."""
    none, two = (demand(masks=masks, style_layers="conv1_1,conv2_1,conv3_1,conv4_1,conv5_1").plans(SIZE)[0] for masks in (0, 2))
    positions = sum(SIZE[0] * SIZE[1] / stride**2 for stride in (1, 2, 4, 8, 16))
    assert two.memory - none.memory == pytest.approx(2 * 4 * positions)


@pytest.mark.parametrize(("positions", "parts"), [(100, 1), (4096, 1), (4097, 2), (16 * 4096, 16), (10**6, 16)])
def test_partial_sums_are_counted_as_they_are_taken(positions: int, parts: int) -> None:
    assert outer_sum_bytes(512, positions) == (4 * 512**2 * parts if parts > 1 else 0)


def test_what_partial_sums_take_is_in_the_plan() -> None:
    """Sixteen sums of the channels squared where there are positions enough.  Losses that are no sums have none."""
    layers = ("conv4_1",)
    with_sums, without = (demand(layers, style_loss=loss, style_layers="conv4_1")._sums(10**8) for loss in ("gram", "sliced"))
    channels = WIDE.channels("conv4_1")
    assert (with_sums, without) == (16 * 4 * channels**2, 0)


def test_what_is_laid_over_at_the_end_is_counted_where_the_run_itself_needs_less() -> None:
    """On disk, in the smallest tiles: the best picture three times and the content; with masks once more, and each mask twice."""
    pixels = 8000 * 8000
    for masks, least in ((0, 4 * PICTURE), (3, 5 * PICTURE + 2 * 4 * 3)):
        found = min(plan.memory for plan in demand(masks=masks).plans((8000, 8000)))
        assert found >= least * pixels


def test_pictures_on_the_way_are_counted_beside_the_state_that_stays() -> None:
    never, often = (min(demand(save_every=every).plans((8000, 8000)), key=lambda plan: plan.memory) for every in (None, 1))
    assert often.memory >= never.memory and often.memory >= 5 * PICTURE * 8000 * 8000
