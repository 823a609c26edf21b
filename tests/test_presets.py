"""Each reproducing preset minimises exactly what its source says, computed here from the sources' own formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.samples import painting, photo

from impasto.evaluate import Whole
from impasto.objective import build
from impasto.presets import PRESETS
from impasto.vgg import load

FIVE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


def picture(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255


CONTENT, STYLE, X = picture(photo(48, 64)), picture(painting(48, 64)), picture(photo(48, 64, seed=3))


def measured(name: str) -> tuple[float, Any]:
    settings = PRESETS[name].settings()
    vgg = load("vgg19", pooling=settings.pooling)
    layers = {*settings.content_layers, *settings.style_layers}
    features = [{k: v[0].double() for k, v in vgg.features(image, layers).items()} for image in (X, CONTENT, STYLE)]
    return Whole(vgg, build(settings, vgg, CONTENT, [STYLE]))(X).value, features


def rows(features: torch.Tensor) -> torch.Tensor:
    return features.flatten(1)


def test_gatys2015_minimises_equation_7() -> None:
    value, (x, c, s) = measured("gatys2015")
    content = 0.5 * (x["conv4_2"] - c["conv4_2"]).square().sum()
    style = 0.0
    for layer in FIVE:
        f, a = rows(x[layer]), rows(s[layer])
        n, m = f.shape
        style += (f @ f.T - a @ a.T).square().sum() / (4 * n**2 * m**2) / 5
    assert value == pytest.approx(float(1e-3 * content + style), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("coursera", FIVE),
        ("average-of-five", FIVE),
        ("eight-layers", ("conv1_1", "conv2_1", "conv3_1", "conv3_4", "conv4_1", "conv5_1", "conv5_2", "conv5_4")),
    ],
)
def test_the_courses_presets_minimise_alpha_content_plus_beta_style(name: str, layers: tuple[str, ...]) -> None:
    value, (x, c, s) = measured(name)
    content = (x["conv4_2"] - c["conv4_2"]).square().sum() / (4 * x["conv4_2"].numel())
    style = 0.0
    for layer in layers:
        channels, height, width = x[layer].shape
        gram = [rows(f[layer]) @ rows(f[layer]).T for f in (x, s)]
        style += (gram[0] - gram[1]).square().sum() / (4 * channels**2 * (height * width) ** 2) / len(layers)
    assert value == pytest.approx(float(10 * content + 40 * style), rel=1e-4)


def test_neural_style_minimises_its_mean_squared_errors() -> None:
    value, (x, c, s) = measured("neural-style")
    content = 5 * F.mse_loss(x["conv4_2"], c["conv4_2"])
    grams = [[rows(f[layer]) @ rows(f[layer]).T / f[layer].numel() for layer in FIVE] for f in (x, s)]
    style = 100 * sum(F.mse_loss(g, a) for g, a in zip(*grams, strict=True))
    pixels = X.double() * 255
    variation = (pixels[:, :, 1:] - pixels[:, :, :-1]).abs().sum() + (pixels[..., 1:] - pixels[..., :-1]).abs().sum()
    assert value == pytest.approx(float(content + style + 1e-3 * variation), rel=1e-4)


def test_the_presets_are_those_of_the_plan() -> None:
    ours = ["impasto", "portrait", "landscape", "faithful-colour", "bold"]
    assert list(PRESETS) == [*ours, "gatys2015", "coursera", "average-of-five", "eight-layers", "neural-style"]
    course = PRESETS["coursera"].settings()
    assert (course.size, course.iterations, course.save_every, course.init) == ((400, 300), 200, 20, "blend")
    assert course.learning_rate * 255 == pytest.approx(2.0)
    assert PRESETS["average-of-five"].settings().save_every == 100
    assert PRESETS["neural-style"].settings().iterations == 1000
