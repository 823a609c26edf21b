"""The whole evaluation is autograd's, layer by layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.samples import TINY, painting, photo, tiny_weights

from impasto.evaluate import Whole
from impasto.losses import PIXELS
from impasto.objective import Objective, build
from impasto.presets import resolve
from impasto.vgg import Vgg, load
from impasto.vgg import weights as networks
from impasto.vgg.architecture import Architecture

WIDE = Architecture("wide", TINY.depths, (32, 32, 32, 32, 32))
"""Channels that our own convolutions can do."""


def picture(array: Any, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None].to(dtype) / 255


def autograd(vgg: Vgg, objective: Objective, x: torch.Tensor) -> tuple[float, torch.Tensor]:
    leaf = x.clone().requires_grad_()
    features = {PIXELS: leaf, **vgg.features(leaf, objective.layers)}
    total, _ = objective.score([part.term.measure(features[part.term.layer]) for part in objective.parts])
    (gradient,) = torch.autograd.grad(total, leaf)
    return total.item(), gradient


LAYERS = [
    {"content_layers": {"conv4_2": 1.0}},
    {"content_layers": {"conv1_1": 1.0, "conv3_1": 0.5}},
    {"content_layers": {"conv1_2": 1.0}, "style_layers": {"conv1_1": 1.0, "conv2_2": 1.0}},
    {"content_layers": {"conv1_1": 1.0}, "style_layers": {"conv1_1": 1.0}},
    {"content_layers": {"conv2_2": 1.0}, "style_layers": {"conv3_4": 1.0, "conv4_1": 1.0}},
]


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("size", [(41, 53), (32, 40)])
@pytest.mark.parametrize(("weights", "dtype", "tolerance"), [(TINY, torch.float64, 1e-10), (WIDE, torch.float32, 1e-4)])
def test_value_and_gradient_are_autograds(
    pooling: Any, layers: dict[str, Any], size: tuple[int, int], weights: Architecture, dtype: torch.dtype, tolerance: float
) -> None:
    vgg = Vgg(tiny_weights(weights), pooling=pooling, dtype=dtype)
    settings = resolve({"normalize": "none", "content_weight": 3.0, "style_weight": 5.0, "variation_weight": 7.0, **layers})
    content, style, x = (picture(array, dtype) for array in (photo(*size), painting(37, 45), photo(*size, seed=5)))
    objective = build(settings, vgg, content, [style])
    found = Whole(vgg, objective)(x)
    value, gradient = autograd(vgg, objective, x)
    assert found.value == pytest.approx(value, rel=tolerance)
    assert float((found.gradient - gradient).norm() / gradient.norm()) < tolerance


def test_the_real_network_in_bands_equals_the_one_of_pytorch() -> None:
    content, style, x = (picture(array, torch.float32) for array in (photo(75, 90), painting(64, 70), photo(75, 90, seed=5)))
    ours, exact = load("vgg19"), Vgg(networks.load("vgg19"), dtype=torch.float64)
    settings = resolve({})
    found = Whole(ours, build(settings, ours, content, [style]))(x)
    expected = Whole(exact, build(settings, exact, content.double(), [style.double()]))(x.double())
    assert found.value == pytest.approx(expected.value, rel=1e-4)
    assert float((found.gradient - expected.gradient).norm() / expected.gradient.norm()) < 1e-3


def test_the_caller_s_picture_is_not_touched(tiny_vgg: Vgg) -> None:
    content = picture(photo(40, 48), torch.float64)
    x, before = content.clone(), content.clone()
    Whole(tiny_vgg, build(resolve({}), tiny_vgg, content, [content.flip(3)]))(x)
    assert torch.equal(x, before)
    assert not x.requires_grad
