"""Are these the right numbers?  Shapes, finiteness, plausibility; and for Oxford's VGG-19 the activations of
a synthetic picture.

The picture has v[c, h, w] = (7h + 13w + 29c) mod 256, c = 0 for red.  A wrong channel order, mean, range, or
kernels with height and width exchanged, all of which leave shapes right and pictures plausible, move the
activations far beyond the tolerance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.vgg.embedded import is_oxford
from impasto.vgg.onednn import leave_out_where_it_fails
from impasto.vgg.parameters import Weights

# mean, standard deviation, maximum of each layer of Oxford's VGG-19; 64×64 picture, max pooling, zero padding
CHECK_VALUES = {
    "conv1_1": (31.85693, 49.72872, 359.4321),
    "conv1_2": (142.01073, 211.98782, 1735.3152),
    "conv2_1": (221.72754, 346.11960, 3309.8894),
    "conv2_2": (285.44867, 580.63763, 5783.5430),
    "conv3_1": (433.06793, 675.70032, 7624.2178),
    "conv3_2": (519.12640, 742.70728, 10068.2783),
    "conv3_3": (1122.66125, 1157.17920, 8898.3887),
    "conv3_4": (1821.49780, 2353.42432, 16227.9873),
    "conv4_1": (1593.96631, 2412.18481, 28046.9590),
    "conv4_2": (1082.47339, 2065.59839, 29859.9258),
    "conv4_3": (632.28027, 1268.07642, 14600.1445),
    "conv4_4": (137.16942, 497.85229, 8550.0908),
    "conv5_1": (158.26140, 345.42545, 3886.0210),
    "conv5_2": (63.59097, 169.04524, 1689.0260),
    "conv5_3": (27.93538, 72.12160, 586.3716),
    "conv5_4": (4.27995, 19.71588, 398.5671),
}
TOLERANCE = 1e-3  # relative: half precision of the kernels moves a mean by a few 1e-4


@dataclass(frozen=True)
class Check:
    """One question asked of the weights, and the answer in words."""

    name: str
    passed: bool
    detail: str


def synthetic_picture(side_px: int = 64) -> Tensor:
    """Return a picture [1, 3, side, side], RGB, float32, whole numbers 0..255."""
    c, h, w = torch.meshgrid(
        *(torch.arange(length, dtype=torch.int64, device="cpu") for length in (3, side_px, side_px)), indexing="ij"
    )
    return ((7 * h + 13 * w + 29 * c) % 256).float()[None]


@torch.no_grad()
def activations(weights: Weights, rgb255: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield (layer, activation [B, C, h, w] after the ReLU), shallow to deep; `rgb255`: [B, 3, H, W], RGB, 0..255.

    Written apart from `impasto.vgg.features` on purpose, so that each checks the other.
    """
    leave_out_where_it_fails()
    convention = weights.convention
    ordered = rgb255.flip(1) if convention.channels == "BGR" else rgb255
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device="cpu").view(1, 3, 1, 1) for values in (convention.mean, convention.std)
    )
    x = (ordered * (convention.range / 255) - mean) / std
    stride = 1
    for conv in weights.architecture.convs:
        if conv.stride > stride:
            x, stride = F.max_pool2d(x, 2), conv.stride
        x = F.relu(F.conv2d(x, weights.tensors[f"{conv.name}.weight"], weights.tensors[f"{conv.name}.bias"], padding=1))
        yield conv.name, x


def checks(weights: Weights) -> tuple[Check, ...]:
    """All checks, passed or not; activations are only looked at when the numbers are complete and finite."""
    basic = (_complete(weights), _finite(weights))
    if not all(check.passed for check in basic):
        return basic
    found = {layer: (float(x.mean()), float(x.std()), float(x.max())) for layer, x in activations(weights, synthetic_picture())}
    known = is_oxford(weights.architecture, weights.tensors)
    return (*basic, _alive(found), *((_as_published(found),) if known else ()))


def _complete(weights: Weights) -> Check:
    wrong: list[str] = []
    for conv in weights.architecture.convs:
        shape = (conv.channels_out, conv.channels_in, 3, 3)
        for key, expected in ((f"{conv.name}.weight", shape), (f"{conv.name}.bias", shape[:1])):
            if key not in weights.tensors or tuple(weights.tensors[key].shape) != expected:
                wrong.append(key)
    count = len(weights.architecture.convs)
    detail = f"{wrong[0]} is missing or of a wrong shape" if wrong else f"{count} convolutions of {weights.architecture.name}"
    return Check("complete", passed=not wrong, detail=detail)


def _finite(weights: Weights) -> Check:
    # Smallest and largest carry any NaN or infinity, at a fraction of the cost of asking each number.
    wrong = [key for key, tensor in weights.tensors.items() if not torch.stack(tensor.aminmax()).isfinite().all()]
    return Check("finite", not wrong, f"{wrong[0]} holds NaN or infinity" if wrong else "no NaN, no infinity")


def _alive(found: dict[str, tuple[float, float, float]]) -> Check:
    """Trained networks keep activations within a few orders of magnitude; zeroed or scaled ones do not."""
    for layer, (mean, std, largest) in found.items():
        if not (std > 0 and 1e-6 < mean < 1e6 and largest < 1e8):
            detail = f"{layer} answers a picture with mean {mean:.3g}, maximum {largest:.3g}"
            return Check("plausible", passed=False, detail=detail)
    return Check("plausible", passed=True, detail="every layer answers a picture, none explodes")


def _as_published(found: dict[str, tuple[float, float, float]]) -> Check:
    worst, where = 0.0, ""
    for layer, expected in CHECK_VALUES.items():
        for kind, value, right in zip(("mean", "std", "max"), found[layer], expected, strict=True):
            error = abs(value - right) / right
            if error > worst:
                worst, where = error, f"{kind} of {layer} is {value:.6g}, should be {right:.6g}"
    passed = worst <= TOLERANCE
    detail = f"activations of Oxford's VGG-19 within {worst:.1e}" if passed else where
    return Check("check values", passed=passed, detail=detail)
