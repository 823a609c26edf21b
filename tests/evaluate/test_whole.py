"""The whole evaluation is autograd's, layer by layer."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from tests.evaluate.cases import LAYERS, picture
from tests.samples import TINY, WIDE, painting, photo, tiny_weights

from impasto.evaluate import Whole
from impasto.losses import PIXELS, Statistic
from impasto.objective import Objective, Part, build
from impasto.presets import resolve
from impasto.vgg import Vgg, load
from impasto.vgg import weights as networks
from impasto.vgg.architecture import Architecture


def autograd(vgg: Vgg, objective: Objective, x: torch.Tensor) -> tuple[float, torch.Tensor]:
    leaf = x.clone().requires_grad_()
    features = {PIXELS: leaf, **vgg.features(leaf, objective.layers)}
    total, _ = objective.score([part.term.measure(features[part.term.layer]) for part in objective.parts])
    (gradient,) = torch.autograd.grad(total, leaf)
    return total.item(), gradient


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


@dataclass(frozen=True)
class Mean:
    """A term of a user's own, without a way to pull: Σ f, scored by its square."""

    layer: str

    def measure(self, features: torch.Tensor, weight: torch.Tensor | None = None) -> Statistic:
        del weight
        return Statistic(features.sum((0, 2, 3)), features.shape[2] * features.shape[3])

    def score(self, total: Statistic) -> torch.Tensor:
        return total.mean().square().sum()

    def part(self, rows: slice, columns: slice) -> Mean:
        del rows, columns
        return self


@pytest.mark.parametrize("weights", [TINY, WIDE])
@pytest.mark.parametrize("layers", [("conv1_1", "conv3_1"), ("conv3_1", "relu1_1"), ("conv2_1", "conv2_1")])
def test_a_term_of_the_user_s_own_needs_no_gradient_of_its_own(weights: Architecture, layers: tuple[str, str]) -> None:
    vgg = Vgg(tiny_weights(weights), dtype=torch.float64 if weights is TINY else torch.float32)
    x = picture(photo(41, 53), vgg.dtype)
    objective = Objective([Part("style", Mean(layer), 1.0 + at) for at, layer in enumerate(layers)], {"style": 2.0})
    leaf = x.clone().requires_grad_()
    features = vgg.features(leaf, layers)
    total, _ = objective.score([part.term.measure(features[part.term.layer]) for part in objective.parts])
    (gradient,) = torch.autograd.grad(total, leaf)
    found = Whole(vgg, objective)(x)
    assert found.value == pytest.approx(total.item(), rel=1e-5)
    assert float((found.gradient - gradient).norm() / gradient.norm()) < 1e-4


def test_content_of_another_size_is_refused_also_in_bands() -> None:
    vgg = Vgg(tiny_weights(WIDE))
    settings = resolve({"content_layers": {"conv1_1": 1.0}})
    content, style = picture(photo(64, 80), torch.float32), picture(painting(37, 45), torch.float32)
    evaluate = Whole(vgg, build(settings, vgg, content, [style]))
    with pytest.raises(ValueError, match="position by position"):
        evaluate(content[:, :, :60])


def test_no_evaluation_loads_sympy() -> None:
    """PyTorch imports it for gradients that are handed to autograd, which takes longer than a step."""
    code = (
        "import sys, torch\n"
        "from impasto.evaluate import Whole\n"
        "from impasto.objective import build\n"
        "from impasto.presets import resolve\n"
        "from impasto.vgg import load\n"
        "x, vgg = torch.rand(1, 3, 16, 16), load('vgg19')\n"
        "Whole(vgg, build(resolve({}), vgg, x, [x.flip(3)]))(x)\n"
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
