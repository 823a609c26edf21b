"""Where styles paint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.evaluate.cases import picture
from tests.samples import TINY, painting, photo, tiny_weights

from impasto.controls.guides import guide
from impasto.errors import InvalidSettings
from impasto.evaluate import Tiled, TiledSurvey, Whole
from impasto.losses.gram import GramTerm
from impasto.losses.statistic import pull
from impasto.objective import Objective, build
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.run.inputs import Inputs
from impasto.run.mask_effects import check_masks, little_is_left
from impasto.run.masks import painted
from impasto.run.result import result_of
from impasto.run.styles import assembled
from impasto.settings import Settings
from impasto.vgg import Vgg

SIZE = (64, 80)
CONTENT, STYLE, OTHER = photo(*SIZE), painting(50, 60), painting(40, 48, seed=3)
PLAIN: dict[str, Any] = {"normalize": "none", "content_weight": 3.0, "style_weight": 5.0, "variation_weight": 0.0}


def mask(columns: slice, value: int = 255) -> np.ndarray[Any, Any]:
    made = np.zeros((*SIZE, 3), np.uint8)
    made[:, columns] = value
    return made


LEFT, RIGHT, ALL = mask(slice(0, 40)), mask(slice(40, 80)), mask(slice(0, 80))


def objective(vgg: Vgg, styles: list[Any], masks: list[torch.Tensor | None], **values: Any) -> Objective:
    content, *paints = (picture(array, torch.float64) for array in (CONTENT, *styles))
    survey = values.pop("survey", None)
    more = {} if survey is None else {"survey": survey}
    return build(resolve({**PLAIN, **values}), vgg, content, paints, masks=masks, **more)


def weights(array: Any) -> torch.Tensor:
    return picture(array, torch.float64)[0, 0]


@pytest.fixture(scope="module")
def vgg() -> Vgg:
    return Vgg(tiny_weights(TINY), dtype=torch.float64)


X = picture(photo(*SIZE, seed=5), torch.float64)


def test_a_full_mask_is_no_mask(vgg: Vgg) -> None:
    plain, masked = (Whole(vgg, objective(vgg, [STYLE], [given]))(X) for given in (None, weights(ALL)))
    assert masked.value == pytest.approx(plain.value, rel=1e-10)
    assert float((masked.gradient - plain.gradient).norm() / plain.gradient.norm()) < 1e-10


def test_two_half_masks_with_the_same_style_pull_as_the_whole_does_where_statistics_are_alike(vgg: Vgg) -> None:
    """Halves that are alike have the whole's Gram matrices, up to the border between them."""
    x = torch.cat([X[..., :40], X[..., :40].flip(3)], 3)
    halves = objective(vgg, [STYLE, STYLE], [weights(LEFT), weights(RIGHT)], content_weight=0.0)
    whole = objective(vgg, [STYLE], [None], content_weight=0.0)
    one, both = Whole(vgg, whole)(x), Whole(vgg, halves)(x)
    assert both.value == pytest.approx(one.value, rel=0.05)
    assert float((both.gradient - one.gradient).norm() / one.gradient.norm()) < 0.2


def test_where_a_mask_is_black_the_style_does_not_pull(vgg: Vgg) -> None:
    # conv2_1 sees 5 px around: 3 convolutions, one of them of cells of 2 px, and the pooling
    goal = objective(vgg, [STYLE], [weights(LEFT)], content_weight=0.0, style_layers={"conv1_1": 1.0, "conv2_1": 1.0})
    gradient = Whole(vgg, goal)(X).gradient
    assert float(gradient[..., 46:].abs().max()) == 0
    assert float(gradient[..., :40].abs().mean()) > 0


@pytest.mark.parametrize("kept_from", [None, "conv2_1"])
def test_masks_in_tiles_are_those_of_the_whole(vgg: Vgg, kept_from: str | None) -> None:
    soft = torch.linspace(0, 1, SIZE[1], dtype=torch.float64).expand(*SIZE).contiguous()
    masks: list[torch.Tensor | None] = [soft, 1 - soft]
    whole = objective(vgg, [STYLE, OTHER], masks)
    in_tiles = objective(vgg, [STYLE, OTHER], masks, survey=TiledSurvey(32, whole.layers))
    expected, found = Whole(vgg, whole)(X), Tiled(vgg, in_tiles, 32, kept_from)(X)
    assert found.value == pytest.approx(expected.value, rel=1e-10)
    assert float((found.gradient - expected.gradient).norm() / expected.gradient.norm()) < 1e-10


def test_the_gradient_of_a_guided_term_is_autograds() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(1, 6, 9, 11, generator=generator, dtype=torch.float64)
    term = GramTerm(
        "conv1_1", torch.zeros(6, 6, dtype=torch.float64), torch.rand(9, 11, generator=generator, dtype=torch.float64)
    )
    upstream = torch.rand(6, 6, generator=generator, dtype=torch.float64)
    leaf = features.clone().requires_grad_()
    (expected,) = torch.autograd.grad(term.measure(leaf).total, leaf, upstream)
    assert torch.allclose(pull(term, features, upstream), expected)
    assert torch.allclose(term.measure(features).total, term.measure(leaf).total.detach())


def run_of(styles: list[Any], masks: list[Any], **values: Any) -> Run:
    given = resolve({"size": 80, "levels": 1, "iterations": 8, **values})
    inputs, settings = assembled(CONTENT, styles, given, masks)
    return Run(settings, inputs, Vgg(tiny_weights(), pooling=settings.pooling))


def finished(run: Run) -> torch.Tensor:
    for _ in run:
        pass
    return result_of(run).rgb


def test_what_no_mask_paints_stays_the_photograph() -> None:
    found = finished(run_of([STYLE], [LEFT]))
    content = picture(CONTENT, torch.float32)[0]
    assert float((found[:, :, 40:] - content[:, :, 40:]).abs().max()) < 1e-6
    assert float((found[:, :, :40] - content[:, :, :40]).abs().mean()) > 0.01


def test_a_resumed_run_with_masks_is_the_undisturbed_one() -> None:
    undisturbed, first = (run_of([STYLE, OTHER], [LEFT, RIGHT]) for _ in range(2))
    for _ in range(4):
        first.advance()
    facts, tensors = first.state()
    second = run_of([STYLE, OTHER], [LEFT, RIGHT])
    second.restore(facts, tensors)
    assert torch.equal(finished(second), finished(undisturbed))


def test_a_mask_is_its_alpha_if_it_has_one_else_how_light_it_is(tmp_path: Path) -> None:
    clear = np.dstack([np.full((*SIZE, 3), 10, np.uint8), LEFT[:, :, 0]])
    for name, array in (("alpha.png", clear), ("grey.png", LEFT)):
        Image.fromarray(array).save(tmp_path / name)
        settings = resolve({})
        inputs = gather(CONTENT, [STYLE], settings, [str(tmp_path / name)])
        assert torch.equal(painted(inputs.masks[0], SIZE), weights(LEFT).float())


def test_masks_may_have_any_size() -> None:
    small = np.zeros((5, 10, 3), np.uint8)
    small[:, :5] = 255
    assert run_of([STYLE], [small]).advance().parts["style"] > 0


def test_a_black_mask_and_too_few_masks_are_refused() -> None:
    with pytest.raises(InvalidSettings, match="is black, so it leaves nothing of the picture; paint it white"):
        run_of([STYLE], [mask(slice(0, 0))])
    with pytest.raises(InvalidSettings, match="for each of 2 styles, got 1"):
        run_of([STYLE, OTHER], [LEFT])


ONE_PIXEL = np.zeros((640, 800, 3), np.uint8)
ONE_PIXEL[300, 400] = 255
SMALL = np.zeros((*SIZE, 3), np.uint8)
SMALL[:5, :5] = 255
"""Large enough to be painted, and less than a hundredth of the picture."""

FEW = {
    "labels 0 and 1": (mask(slice(0, 40), 1), "nearly black, .* its lightest value is 1 of 255; stretch it to 0..255"),
    "labels 0 and 3": (mask(slice(0, 40), 3), "nearly black, .* its lightest value is 3 of 255; stretch it to 0..255"),
    "one white pixel": (ONE_PIXEL, "is so small that it leaves nothing of .* at 80x64; paint it larger"),
}


def given(content: Any = CONTENT, style: Any = STYLE, **more: Any) -> tuple[Settings, Inputs]:
    values = {"size": 80, "levels": 1, "iterations": 1, "color": "content"}
    inputs, settings = assembled(content, [style], resolve(values), **more)
    return settings, inputs


def with_alpha(picture: np.ndarray[Any, Any], alpha: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.dstack([picture, alpha.astype(np.uint8)])


@pytest.mark.parametrize("role", ["masks", "style_masks", "color_mask"])
@pytest.mark.parametrize("name", FEW)
def test_a_mask_that_leaves_nearly_nothing_is_refused_by_its_effect(role: str, name: str) -> None:
    array, words = FEW[name]
    content_sized = photo(*SIZE, seed=9)  # the style's size too, so that all are looked at in the same one
    with pytest.raises(InvalidSettings, match=words):
        check_masks(*given(style=content_sized, **{role: array if role == "color_mask" else [array]}))


@pytest.mark.parametrize("role", ["masks", "style_masks", "color_mask"])
def test_a_mask_that_leaves_little_is_said_and_a_white_one_needs_no_word(role: str) -> None:
    few, full = (
        given(style=photo(*SIZE, seed=9), **{role: array if role == "color_mask" else [array]}) for array in (SMALL, ALL)
    )
    check_masks(*few)
    assert [line for line in little_is_left(*few) if f"{25 / 5120:.2%}" in line]
    check_masks(*full)
    assert list(little_is_left(*full)) == []


def test_masks_that_paint_much_together_need_no_word_each() -> None:
    values = resolve({"size": 80})
    inputs, settings = assembled(CONTENT, [STYLE, OTHER], values, [SMALL, RIGHT])
    assert list(little_is_left(settings, inputs)) == []
    inputs, settings = assembled(CONTENT, [STYLE, OTHER], values, [SMALL, SMALL[::-1].copy()])
    assert list(little_is_left(settings, inputs)) == [
        f"the masks leave {50 / 5120:.2%} of the picture to be painted; the rest stays the photograph"
    ]


def test_a_faint_mask_says_how_much_of_the_photograph_stays() -> None:
    """20 of 255, four times: 31 %."""
    (line,) = little_is_left(*given(masks=[mask(slice(0, 40), 20)]))
    assert "at most 31% of its style" in line and "20 of 255" in line


def test_transparency_that_leaves_nearly_nothing_is_refused_and_what_leaves_little_is_said() -> None:
    point, corner, faint = (np.zeros(SIZE) for _ in range(3))
    point[3, 3], corner[:5, :5], faint[:] = 255, 255, 3
    for role, name in (("content", "content"), ("style", "style")):
        picture = photo(*SIZE, seed=9)
        with pytest.raises(InvalidSettings, match=f"the {name} .* is transparent but for a few pixels"):
            check_masks(*given(**{role: with_alpha(picture, point)}))
        (line,) = little_is_left(*given(**{role: with_alpha(picture, corner)}))
        assert f"transparent but for {25 / 5120:.2%}" in line
    (line,) = little_is_left(*given(content=with_alpha(CONTENT, faint)))
    assert "nearly transparent everywhere, and so is the picture" in line


def test_a_mask_of_the_last_rows_reaches_deep_layers(vgg: Vgg) -> None:
    """85 rows are 42 cells of 2 rows at conv2_1, and the last row lies in none of them."""
    edge = torch.zeros(85, 64, dtype=torch.float64)
    edge[-1] = 1
    found, share = guide(edge, vgg, "conv2_1")
    assert share > 0 and float(found[-1].min()) > 0 and float(found[:-1].max()) == 0
