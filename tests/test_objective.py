"""The objective: the exact sum of its parts, and the laws of its normalisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.samples import blend, painting, photo

from impasto.evaluate import Whole
from impasto.losses import content_loss, style_loss, total_variation
from impasto.objective import build, style_grams
from impasto.presets import resolve
from impasto.vgg import Vgg


def picture(array: Any) -> torch.Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None].double() / 255


CONTENT, STYLE, X = picture(photo(40, 48)), picture(painting(36, 52)), picture(photo(40, 48, seed=5))
EXACT = {"normalize": "none", "content_weight": 3.0, "style_weight": 5.0, "variation_weight": 7.0}


def value(vgg: Vgg, x: torch.Tensor, styles: list[torch.Tensor] | None = None, **values: Any) -> float:
    settings = resolve({**EXACT, **values})
    return Whole(vgg, build(settings, vgg, CONTENT, styles or [STYLE]))(x).value


def test_j_is_the_weighted_sum_of_its_formulas(tiny_vgg: Vgg) -> None:
    layers = {"conv1_1": 0.3, "conv3_1": 0.7}
    x, c, s = (tiny_vgg.features(image, ["conv1_1", "conv3_1", "conv4_2"]) for image in (X, CONTENT, STYLE))
    expected = (
        3 * content_loss(x["conv4_2"], c["conv4_2"])
        + 5 * sum(weight * style_loss(x[layer], s[layer]) for layer, weight in layers.items())
        + 7 * total_variation(X)
    )
    assert value(tiny_vgg, X, style_layers=layers) == pytest.approx(float(expected), rel=1e-12)


def test_the_gradient_of_j_is_that_of_finite_differences(tiny_vgg: Vgg) -> None:
    evaluate = Whole(tiny_vgg, build(resolve(EXACT), tiny_vgg, CONTENT, [STYLE]))
    direction = torch.randn(X.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    step = 1e-6
    slope = (evaluate(X + step * direction).value - evaluate(X - step * direction).value) / (2 * step)
    assert slope == pytest.approx(float((evaluate(X).gradient * direction).sum()), rel=1e-5)


@pytest.mark.parametrize("part", ["content_weight", "style_weight", "variation_weight"])
def test_a_weight_of_0_has_no_effect(tiny_vgg: Vgg, part: str) -> None:
    objective = build(resolve({**EXACT, part: 0.0}), tiny_vgg, CONTENT, [STYLE])
    assert part.removesuffix("_weight") not in {p.part for p in objective.parts}
    assert value(tiny_vgg, X) > value(tiny_vgg, X, **{part: 0.0})


def test_j_is_linear_in_the_weights(tiny_vgg: Vgg) -> None:
    doubled = {name: 2 * weight for name, weight in EXACT.items() if isinstance(weight, float)}
    assert value(tiny_vgg, X, **doubled) == pytest.approx(2 * value(tiny_vgg, X), rel=1e-12)


def test_a_blend_of_one_style_is_that_style(tiny_vgg: Vgg) -> None:
    assert value(tiny_vgg, X, styles=[STYLE, STYLE]) == pytest.approx(value(tiny_vgg, X), rel=1e-12)


def test_a_blend_is_the_mean_of_the_statistics(tiny_vgg: Vgg) -> None:
    other = picture(painting(40, 40, seed=9))
    one, two = (style_grams(tiny_vgg, style, ["conv2_1"]) for style in (STYLE, other))
    both = blend([one, two], None)
    torch.testing.assert_close(both["conv2_1"], (one["conv2_1"] + two["conv2_1"]) / 2)


def test_a_layer_of_weight_0_is_not_measured(tiny_vgg: Vgg) -> None:
    settings = resolve({**EXACT, "style_layers": {"conv1_1": 1.0, "conv5_1": 0.0}})
    assert "conv5_1" not in build(settings, tiny_vgg, CONTENT, [STYLE]).layers


def test_normalised_terms_do_not_depend_on_the_scale_of_the_features(tiny_vgg: Vgg) -> None:
    """The same picture through a network with every activation ten times as large gives the same J."""
    weights = tiny_vgg.weights
    louder = {
        name: tensor * (10 if name == "conv1_1.weight" else 10 if name.endswith("bias") else 1)
        for name, tensor in weights.tensors.items()
    }
    loud = Vgg(
        type(weights)(weights.architecture, weights.convention, louder, "0" * 64, "x"), pooling="average", dtype=torch.float64
    )
    settings = resolve({"variation_weight": 0.5})
    values = [Whole(vgg, build(settings, vgg, CONTENT, [STYLE]))(X).value for vgg in (tiny_vgg, loud)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_a_normalised_part_is_1_where_nothing_of_its_target_is_met(tiny_vgg: Vgg) -> None:
    objective = build(resolve({"variation_weight": 0}), tiny_vgg, CONTENT, [STYLE])
    for part in objective.parts:
        features = tiny_vgg.features(CONTENT, [part.term.layer])[part.term.layer]
        nothing = part.term.score(part.term.measure(torch.zeros_like(features)))
        share = {"content": 1.0, "style": resolve({}).style_layers.get(part.term.layer, 0)}[part.part]
        assert float(part.weight * nothing) == pytest.approx(share, rel=1e-9)


def test_a_black_style_gives_finite_numbers(tiny_vgg: Vgg) -> None:
    settings = resolve({})
    evaluation = Whole(tiny_vgg, build(settings, tiny_vgg, CONTENT * 0, [STYLE * 0]))(X)
    assert torch.isfinite(evaluation.gradient).all()
