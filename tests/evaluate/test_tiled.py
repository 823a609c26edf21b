"""Tiles give the value and the gradient of the whole."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.cases import LAYERS, picture
from tests.samples import TINY, WIDE, painting, photo, tiny_weights

from impasto.evaluate import Evaluation, Tiled, TiledSurvey, Whole
from impasto.evaluate.geometry import margin_px, margins_px, overhead, tiles, trims
from impasto.losses import PIXELS
from impasto.native import library
from impasto.objective import Objective, build
from impasto.presets import resolve
from impasto.vgg import Vgg, load, opening
from impasto.vgg.architecture import VGG16, VGG19, Architecture

WEIGHTS: dict[str, Any] = {"normalize": "none", "content_weight": 3.0, "style_weight": 5.0, "variation_weight": 7.0}


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize(
    ("size", "tile_px", "kept"), [((75, 91), 32, "all"), ((75, 91), 50, "none"), ((75, 91), 100, "half"), ((16, 35), 3, "half")]
)
def test_value_and_gradient_are_the_wholes(
    tile_px: int, pooling: Any, layers: dict[str, Any], size: tuple[int, int], kept: str
) -> None:
    vgg = Vgg(tiny_weights(TINY), pooling=pooling, dtype=torch.float64)
    content, style, other, x = (
        picture(a, torch.float64) for a in (photo(*size), painting(37, 45), painting(40, 40, 3), photo(*size, seed=5))
    )
    whole = build(resolve({**WEIGHTS, **layers}), vgg, content, [style, other])
    in_tiles = build(resolve({**WEIGHTS, **layers}), vgg, content, [style, other], survey=TiledSurvey(tile_px, whole.layers))
    path = vgg.path(whole.layers)
    kept_from = {"all": PIXELS, "none": None, "half": path[(len(path) - 1) // 2]}[kept]
    expected, found = Whole(vgg, whole)(x), Tiled(vgg, in_tiles, tile_px, kept_from)(x)
    assert found.value == pytest.approx(expected.value, rel=1e-10)
    assert found.parts == pytest.approx(expected.parts, rel=1e-10)
    assert float((found.gradient - expected.gradient).norm() / expected.gradient.norm()) < 1e-10


def test_what_is_kept_is_not_gone_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    vgg = Vgg(tiny_weights(WIDE))
    content, style = picture(photo(75, 91), torch.float32), picture(painting(37, 45), torch.float32)
    objective = build(resolve({**WEIGHTS}), vgg, content, [style])
    seen: list[str] = []
    honest = vgg.stretch

    def stretch(x: torch.Tensor, after: str | None, to: str, *, pooled: bool = False) -> torch.Tensor:
        seen.append(to)
        return honest(x, after, to, pooled=pooled)

    monkeypatch.setattr(vgg, "stretch", stretch)
    Tiled(vgg, objective, 100, "conv3_1")(content)
    in_bands = () if library() is not None else ("conv1_1",)  # our own kernels compute the first block in another way
    deep, shallow = ("conv4_1", "conv4_2", "conv5_1"), (*in_bands, "conv2_1", "conv3_1")
    assert sorted(seen) == sorted([*deep, *shallow, *shallow])


def test_a_plan_may_name_a_layer_that_has_no_weight() -> None:
    vgg = Vgg(tiny_weights(TINY))
    content = picture(photo(40, 40), torch.float32)
    objective = build(resolve({**WEIGHTS}), vgg, content, [content])
    x = content.flip(3)
    assert Tiled(vgg, objective, 48, "conv2_2")(x).value == pytest.approx(Whole(vgg, objective)(x).value)


@pytest.mark.parametrize("layers", LAYERS)
def test_bands_inside_tiles_change_nothing(layers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_rows_of_band", lambda width: 4)
    vgg = Vgg(tiny_weights(WIDE))
    content, style, x = (picture(a, torch.float32) for a in (photo(75, 91), painting(37, 45), photo(75, 91, seed=5)))
    objective = build(resolve({**WEIGHTS, **layers}), vgg, content, [style])
    whole, found = Whole(vgg, objective)(x), Tiled(vgg, objective, 32)(x)
    assert found.value == pytest.approx(whole.value, rel=1e-4)
    assert float((found.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-4


@cache
def real() -> tuple[Vgg, Objective, torch.Tensor, Evaluation]:
    """The real network, an objective, a picture, and the evaluation of the whole.

    Float32 rounds, and rounding decides which of two nearly equal numbers a pooling takes.  Processors differ in that, and so may
    a tile and the whole.  Each such pooling moves a few pixels' gradient by about 1e-4 of its norm.
    """
    content, style, x = (picture(a, torch.float32) for a in (photo(118, 160), painting(64, 70), photo(118, 160, seed=8)))
    vgg = load("vgg19")
    objective = build(resolve({}), vgg, content, [style])
    return vgg, objective, x, Whole(vgg, objective)(x)


@pytest.mark.parametrize(("tile_px", "kept_from"), [(64, None), (96, "conv2_1"), (160, "conv3_1"), (160, "conv1_1")])
def test_the_real_network_in_tiles_is_the_whole_one(tile_px: int, kept_from: str | None) -> None:
    vgg, objective, x, whole = real()
    found = Tiled(vgg, objective, tile_px, kept_from)(x)
    assert found.value == pytest.approx(whole.value, rel=1e-6)
    assert float((found.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-3


def test_the_gradient_has_no_seam_where_tiles_meet() -> None:
    """Its error against the whole is no larger beside the borders of tiles than elsewhere."""
    vgg, objective, x, whole = real()
    found = Tiled(vgg, objective, 64)(x).gradient
    error = (found - whole.gradient).square().sum((0, 1)) / whole.gradient.square().sum((0, 1)).mean()
    beside = torch.zeros(118, 160, dtype=torch.bool)
    for tile in tiles((118, 160), 64, vgg.architecture, vgg.path(objective.layers)):
        for at in (tile.rows.core.start, tile.rows.core.stop):
            beside[max(0, at - 2) : at + 2] = True
        for at in (tile.columns.core.start, tile.columns.core.stop):
            beside[:, max(0, at - 2) : at + 2] = True
    for where in (beside, ~beside):
        assert float(error[where].median()) < 1e-11, "a seam would be everywhere along the borders"
        assert float(error[where].mean()) < 1e-6


@settings(deadline=None)
@given(
    height=st.integers(16, 200),
    width=st.integers(16, 200),
    tile_px=st.integers(1, 220),
    layer=st.sampled_from([layer for layer in VGG19.layers if VGG19.stride(layer) <= 16]),
)
def test_every_cell_is_counted_once(height: int, width: int, tile_px: int, layer: str) -> None:
    plan = tiles((height, width), tile_px, VGG19, (layer,))
    for stride in (1, VGG19.stride(layer)):
        counted = torch.zeros(height // stride, width // stride, dtype=torch.int64)
        for tile in plan:
            counted[tile.rows.core.cells(stride), tile.columns.core.cells(stride)] += 1
        assert bool((counted == 1).all())


@given(length=st.integers(16, 3000), tile_px=st.integers(1, 600))
def test_windows_begin_where_poolings_do_and_hold_the_margin(length: int, tile_px: int) -> None:
    for tile in tiles((length, 16), tile_px, VGG19, ("conv5_1",)):
        core, window = tile.rows.core, tile.rows.window
        assert core.start % 16 == window.start % 16 == 0
        assert window.start == 0 or core.start - window.start == 80
        assert window.stop == length or (window.stop - core.stop == 80 and window.stop % 16 == 0)
        assert core.stop - core.start <= max(16, tile_px) + 15


@pytest.mark.parametrize(
    ("architecture", "layer", "margin"),
    [(VGG19, "conv4_2", 40), (VGG19, "conv5_1", 80), (VGG16, "conv4_2", 40), (VGG16, "conv5_1", 64), (VGG19, "conv1_1", 1)],
)
def test_the_margin_is_the_summed_padding_in_whole_cells(architecture: Architecture, layer: str, margin: int) -> None:
    assert margin_px(architecture, (layer,)) == margin


def test_a_smaller_margin_would_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    vgg = Vgg(tiny_weights(TINY), dtype=torch.float64)
    content, style = picture(photo(40, 160), torch.float64), picture(painting(37, 45), torch.float64)
    objective = build(resolve({**WEIGHTS}), vgg, content, [style])
    x = content.flip(3)
    whole = Whole(vgg, objective)(x)
    monkeypatch.setattr("impasto.evaluate.geometry.margins_px", lambda architecture, path: dict.fromkeys(path, 16))
    monkeypatch.setattr("impasto.evaluate.tiled.margins_px", lambda architecture, path: dict.fromkeys(path, 16))
    assert Tiled(vgg, objective, 48)(x).value != pytest.approx(whole.value, rel=1e-10)


def test_layers_are_computed_no_further_than_the_way_behind_them_reaches() -> None:
    path = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1")
    assert margins_px(VGG19, path) == {
        "conv1_1": 80, "conv2_1": 80, "conv3_1": 80, "conv4_1": 64, "conv4_2": 48, "conv5_1": 32
    }  # fmt: skip
    middle = tiles((640, 640), 160, VGG19, path)[5]
    assert trims(VGG19, path, middle) == {
        "conv4_1": (slice(4, 76), slice(4, 76)),  # conv3_1 has 80 cells a side there
        "conv4_2": (slice(2, 34), slice(2, 34)),
        "conv5_1": (slice(2, 30), slice(2, 30)),
    }
    assert trims(VGG19, path, tiles((160, 160), 160, VGG19, path)[0]) == {
        layer: (slice(0, cells), slice(0, cells)) for layer, cells in [("conv4_1", 40), ("conv4_2", 20), ("conv5_1", 20)]
    }


def test_overhead_is_what_margins_add() -> None:
    path = (*VGG19.layers[:1], "conv5_1")
    assert overhead((512, 384), 1024, VGG19, path) == 1
    assert overhead((2048, 1024), 1024, VGG19, path) == pytest.approx((2048 + 160) / 2048)
