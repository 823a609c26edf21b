"""Pictures that go on at their opposite edges."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.evaluate.cases import picture
from tests.samples import TINY, painting, photo, tiny_weights

from impasto.errors import InvalidSettings
from impasto.evaluate import Tiled, Whole
from impasto.evaluate.wrap import folded, wrapped
from impasto.objective import Objective, build
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.vgg import Vgg

SIZE = (48, 64)


def style_only(vgg: Vgg, x: torch.Tensor) -> Objective:
    settings = resolve({"normalize": "none", "content_weight": 0.0, "style_weight": 5.0, "variation_weight": 7.0})
    return build(settings, vgg, x, [picture(painting(37, 45), x.dtype)])


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize(("tile_px", "kept_from"), [(64, "conv2_1"), (32, None)])
@pytest.mark.parametrize("shift", [(16, 0), (32, 48)])
def test_a_shifted_picture_has_the_same_value_and_a_gradient_that_is_shifted_alike(
    pooling: Any, tile_px: int, kept_from: str | None, shift: tuple[int, int]
) -> None:
    vgg = Vgg(tiny_weights(TINY), pooling=pooling, dtype=torch.float64)
    x = picture(photo(*SIZE, seed=5), torch.float64)
    evaluate = Tiled(vgg, style_only(vgg, x), tile_px, kept_from, wraps=True)
    still, shifted = evaluate(x), evaluate(x.roll(shift, (2, 3)))
    assert shifted.value == pytest.approx(still.value, rel=1e-10)
    assert shifted.parts == pytest.approx(still.parts, rel=1e-10)
    difference = shifted.gradient - still.gradient.roll(shift, (2, 3))
    assert float(difference.norm() / still.gradient.norm()) < 1e-10


def test_the_gradient_is_that_of_the_value() -> None:
    vgg = Vgg(tiny_weights(TINY), pooling="average", dtype=torch.float64)
    x = picture(photo(*SIZE, seed=5), torch.float64)
    evaluate = Tiled(vgg, style_only(vgg, x), 32, wraps=True)
    way = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slope = (evaluate(x + 1e-7 * way).value - evaluate(x - 1e-7 * way).value) / 2e-7
    assert float((evaluate(x).gradient * way).sum()) == pytest.approx(slope, rel=1e-5)


def test_without_wrapping_a_shift_changes_the_value() -> None:
    vgg = Vgg(tiny_weights(TINY), dtype=torch.float64)
    x = picture(photo(*SIZE, seed=5), torch.float64)
    evaluate = Whole(vgg, style_only(vgg, x))
    assert evaluate(x.roll(16, 2)).value != pytest.approx(evaluate(x).value, rel=1e-6)


def test_folding_is_the_transpose_of_wrapping() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 2, 3, 5, generator=generator, dtype=torch.float64)
    around = wrapped(x, before=7, after=4)
    assert around.shape == (1, 2, 14, 16)
    y = torch.randn(around.shape, generator=generator, dtype=torch.float64)
    assert float((around * y).sum()) == pytest.approx(float((x * folded(y, before=7, size=(3, 5))).sum()))


def test_a_tileable_run_has_no_seam_where_it_meets_itself() -> None:
    settings = resolve({"size": "96x64", "levels": 1, "iterations": 40, "init": "noise", "content_weight": 0.0, "tileable": True})
    style = painting(64, 96)
    run = Run(settings, gather(style, [style], settings), Vgg(tiny_weights(), pooling=settings.pooling))
    for _ in run:
        pass
    assert run.best is not None and run.best.shape[2:] == (64, 96)
    laid = torch.cat([run.best, run.best], 3)
    steps = (laid[:, :, :, 1:] - laid[:, :, :, :-1]).abs().mean((0, 1, 2))
    assert float(steps[95]) < 1.3 * float(steps[:95].mean())


def test_a_size_at_which_poolings_would_not_meet_is_refused() -> None:
    settings = resolve({"size": "100x64", "tileable": True})
    with pytest.raises(InvalidSettings, match="multiples of 16 px, not 100x64; use --size 96x64"):
        Run(settings, gather(photo(64, 100), [painting(64, 96)], settings), Vgg(tiny_weights()))
