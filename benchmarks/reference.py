"""J of a picture by the peers' own formulas, in float32, with plain convolutions: the referee of both races.

A run may report J as it pleases (with other convolutions, at other sizes); a picture has reached a mark when this says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import course_style_transfer as course
from benchmarks.plain_network import activations, build
from impasto.vgg.parameters import Weights

Judge = Callable[[Tensor], float]
"""Picture [1, 3, H, W], sRGB-encoded, 0..1 → J."""

PEER_RANGE: Final = 256.0
"""neural-style-pt lets pixels span 0..256, not 0..255, before it takes the mean colour away."""

_STYLE: Final = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def neural_style(weights: Weights, content: Tensor, style: Tensor) -> Judge:
    """5·MSE at relu4_2 + 100·Σ MSE of Gram/(C·H·W) at five layers + 1e-3·Σ|∂x|, pixels in 0..256, BGR, max pooling.

    content, style: [1, 3, H, W], sRGB-encoded, 0..1.
    """
    network = build(weights, deepest="conv5_1", pooling="max", channels="BGR")
    mean = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)

    def entered(rgb: Tensor) -> Tensor:
        return PEER_RANGE * rgb.flip(1) - mean

    def gram(features: Tensor) -> Tensor:
        rows = features[0].flatten(1)
        return rows @ rows.T / rows.numel()

    with torch.no_grad():
        target = activations(network, entered(content), ["relu4_2"])["relu4_2"]
        grams = {name: gram(found) for name, found in activations(network, entered(style), _STYLE).items()}

    @torch.no_grad()
    def judge(rgb: Tensor) -> float:
        x = entered(rgb.float())
        variation = (x[:, :, 1:] - x[:, :, :-1]).abs().sum() + (x[..., 1:] - x[..., :-1]).abs().sum()
        found = activations(network, x, ["relu4_2", *_STYLE])
        total = 5 * F.mse_loss(found["relu4_2"], target) + 1e-3 * variation
        for name, wanted in grams.items():
            total = total + 100 * F.mse_loss(gram(found[name]), wanted)
        return total.item()

    return judge


def coursera(weights: Weights, content: Tensor, style: Tensor) -> Judge:
    """The total cost of course_style_transfer.py; content, style: [1, 3, H, W], sRGB-encoded, 0..1, of one size."""
    del weights  # that program loads its own
    network = course.load_network()
    with torch.no_grad():
        a_C = activations(network, 255 * content - course.MEANS, [course.CONTENT_LAYER])
        a_S = activations(network, 255 * style - course.MEANS, [name for name, _ in course.STYLE_LAYERS])

    @torch.no_grad()
    def judge(rgb: Tensor) -> float:
        a_G = activations(network, 255 * rgb.float() - course.MEANS, course.LAYERS)
        return course.total_cost(a_C, a_S, a_G).item()

    return judge


JUDGES: Final[Mapping[str, Callable[[Weights, Tensor, Tensor], Judge]]] = {"neural-style": neural_style, "coursera": coursera}
