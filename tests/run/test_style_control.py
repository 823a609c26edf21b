"""What of a style counts, at which layers, and how hard it pulls; where the photograph's colours go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluate.cases import picture
from tests.samples import TINY, painting, photo, tiny_weights
from torch import Tensor

from impasto.controls.guides import guide
from impasto.errors import InvalidSettings
from impasto.evaluate import TiledSurvey
from impasto.objective import Masked, Objective, build
from impasto.presets import resolve
from impasto.run import Run
from impasto.run.masks import stretched
from impasto.run.result import facts_of, result_of
from impasto.run.styles import assembled
from impasto.vgg import Vgg

SIZE = (64, 80)
CONTENT, STYLE, OTHER = photo(*SIZE), painting(*SIZE), painting(48, 64, seed=3)
HALF = np.zeros((*SIZE, 3), np.uint8)
HALF[:, :40] = 255


@pytest.fixture(scope="module")
def vgg() -> Vgg:
    return Vgg(tiny_weights(TINY), dtype=torch.float64)


def double(array: Any) -> Tensor:
    return picture(array, torch.float64)


def objective(vgg: Vgg, styles: list[Any], **values: Any) -> Objective:
    more = {name: values.pop(name) for name in ("masks", "survey") if name in values}
    return build(resolve(values), vgg, double(CONTENT), styles, **more)


def targets(goal: Objective) -> dict[str, Tensor]:
    return {part.term.layer: part.term.target for part in goal.parts if part.part == "style"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("loss", ["gram", "moments"])
@pytest.mark.parametrize("guides", ["mean", "inside", "overlap"])
def test_a_full_style_mask_is_none(vgg: Vgg, loss: str, guides: str) -> None:
    full = Masked(double(STYLE), torch.ones(SIZE, dtype=torch.float64))
    plain, masked = (targets(objective(vgg, [style], style_loss=loss, guides=guides)) for style in (double(STYLE), full))
    for layer, target in plain.items():
        torch.testing.assert_close(masked[layer], target, rtol=1e-10, atol=1e-12)


def test_only_the_white_part_of_a_style_counts(vgg: Vgg) -> None:
    """Whatever stands far enough in the black one."""
    changed = STYLE.copy()
    changed[:, 60:] = 255 - changed[:, 60:]
    mask = double(HALF)[0, 0]
    layers = {"conv1_1": 1.0, "conv2_1": 1.0}
    one, other = (targets(objective(vgg, [Masked(double(style), mask)], style_layers=layers)) for style in (STYLE, changed))
    for layer, target in one.items():
        torch.testing.assert_close(other[layer], target, rtol=1e-12, atol=0)


@pytest.mark.parametrize("loss", ["gram", "moments", "sliced", "ot"])
def test_style_masks_in_tiles_are_those_of_the_whole(vgg: Vgg, loss: str) -> None:
    soft = torch.linspace(0, 1, SIZE[1], dtype=torch.float64).expand(*SIZE).contiguous()
    whole = objective(vgg, [Masked(double(STYLE), soft)], style_loss=loss)
    tiled = objective(vgg, [Masked(double(STYLE), soft)], style_loss=loss, survey=TiledSurvey(32, whole.layers))
    for layer, target in targets(whole).items():
        if loss == "ot":  # which of the positions are taken depends on the order in which they come
            assert targets(tiled)[layer].shape == target.shape
        else:
            torch.testing.assert_close(targets(tiled)[layer], target, rtol=1e-10, atol=1e-12)


def test_guides_inside_see_nothing_beyond_the_border(vgg: Vgg) -> None:
    """What a position sees is in the mask wholly, so nothing beyond it changes what is counted."""
    mask = double(HALF)[0, 0]
    x = double(photo(*SIZE, seed=5)).requires_grad_()
    for layer in ("conv1_1", "conv2_1", "conv3_1"):
        weights, share = guide(mask, vgg, layer, "inside")
        assert share > 0
        (gradient,) = torch.autograd.grad((vgg.features(x, [layer])[layer] * weights).sum(), x)
        assert float(gradient[..., 40:].abs().max()) == 0
        around = guide(mask, vgg, layer, "overlap")[0]
        mean = guide(mask, vgg, layer)[0]
        assert bool((weights <= mean).all()) and bool((mean <= around).all())


def test_a_mask_too_narrow_for_a_layer_falls_back_to_the_mean(vgg: Vgg) -> None:
    narrow = torch.zeros(SIZE, dtype=torch.float64)
    narrow[:, 30:36] = 1
    assert torch.equal(guide(narrow, vgg, "conv5_1", "inside")[0], guide(narrow, vgg, "conv5_1")[0])
    with pytest.raises(InvalidSettings, match="leaves nothing to be painted"):
        guide(narrow * 0, vgg, "conv1_1", "overlap")


def test_fine_strokes_of_one_style_go_with_coarse_ones_of_another(vgg: Vgg) -> None:
    one, other = double(STYLE), double(OTHER)
    both = targets(objective(vgg, [one, other], style_strokes="fine,coarse", style_weights=(1.0, 7.0)))
    for layer, target in both.items():
        alone = targets(objective(vgg, [one if layer in {"conv1_1", "conv2_1"} else other]))
        torch.testing.assert_close(target, alone[layer])


def test_strokes_that_no_style_has_are_left_out(vgg: Vgg) -> None:
    assert list(targets(objective(vgg, [double(STYLE)], style_strokes="fine"))) == ["conv1_1", "conv2_1"]


def test_a_pull_of_two_is_twice_the_style(vgg: Vgg) -> None:
    one, two = (objective(vgg, [double(STYLE)], style_pull=pull) for pull in (1.0, 2.0))
    for single, twice in zip(one.parts, two.parts, strict=True):
        assert twice.weight == pytest.approx(single.weight * (2 if single.part == "style" else 1))


def test_each_region_has_its_pull(vgg: Vgg) -> None:
    left = double(HALF)[0, 0]
    styles, masks = [double(STYLE), double(OTHER)], [left, 1 - left]
    plain, pulled = (objective(vgg, styles, masks=masks, style_pull=pull) for pull in ((1.0,), (0.5, 3.0)))
    ratios = [there.weight / here.weight for here, there in zip(plain.parts, pulled.parts, strict=True) if here.part == "style"]
    assert ratios == pytest.approx([0.5] * 5 + [3.0] * 5)


def run_of(styles: list[Any], **more: Any) -> Run:
    masks = {name: more.pop(name) for name in ("style_masks", "color_mask") if name in more}
    inputs, settings = assembled(CONTENT, styles, resolve({"size": 80, "levels": 1, "iterations": 4, **more}), **masks)
    return Run(settings, inputs, Vgg(tiny_weights(), pooling=settings.pooling))


def finished(run: Run) -> Tensor:
    for _ in run:
        pass
    return result_of(run).rgb


def test_a_styles_own_alpha_is_its_mask() -> None:
    clear = np.dstack([STYLE, HALF[:, :, 0]])
    filled = clear.copy()
    filled[:, 40:, :3] = 0  # what stands under transparent pixels means nothing
    assert torch.equal(finished(run_of([clear])), finished(run_of([filled])))
    masked = run_of([STYLE], style_masks=[HALF])
    assert not torch.equal(finished(masked), finished(run_of([STYLE])))
    assert list(facts_of(masked)["style_masks"]) == ["0"]


def test_the_photographs_colours_come_back_where_the_colour_mask_is_white() -> None:
    plain, masked = finished(run_of([STYLE])), finished(run_of([STYLE], color="content", color_mask=HALF))
    everywhere = finished(run_of([STYLE], color="content"))
    torch.testing.assert_close(masked[:, :, 40:], plain[:, :, 40:], atol=2e-3, rtol=0)
    torch.testing.assert_close(masked[:, :, :40], everywhere[:, :, :40], atol=1e-6, rtol=0)
    assert float((masked - plain)[:, :, :40].abs().mean()) > 0.01


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"color_mask": HALF}, "give --color content with it"),
        ({"color_mask": HALF, "color": "match"}, "give --color content with it"),
        ({"style_masks": [HALF, HALF]}, "expected a style mask, or None, for each of 1 styles, got 2"),
        ({"style_strokes": ("fine", "coarse")}, "style_strokes: expected one for all, or one for each of 1 styles, got 2"),
        ({"style_pull": (1.0, 2.0, 3.0)}, "style_pull: expected one for all, or one for each of 1 styles, got 3"),
        ({"style_masks": [HALF * 0]}, "the style mask picture is black, so it leaves nothing of the style picture"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        run_of([STYLE], **more).advance()


def test_masks_of_other_proportions_are_named() -> None:
    narrow = HALF[:, :30]
    inputs, _ = assembled(CONTENT, [STYLE], resolve({"color": "content"}), [narrow], [HALF], narrow)
    assert list(stretched(inputs)) == [("picture", "30x64 on picture, which is 80x64")] * 2
