"""Small pictures, and a tiny VGG with the real topology and few channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from impasto.losses.styles import Kind, mixed
from impasto.vgg.architecture import Architecture
from impasto.vgg.weights import Convention, Weights

TINY = Architecture("tiny", (2, 2, 4, 4, 4), (3, 4, 5, 6, 6))
WIDE = Architecture("wide", TINY.depths, (32, 32, 32, 32, 32))
"""Channels that our own convolutions can do."""

CONVENTION = Convention("BGR", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))


def tiny_weights(architecture: Architecture = TINY, seed: int = 0) -> Weights:
    """Random weights scaled so that activations neither die nor explode."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for conv in architecture.convs:
        gain = (2 / (9 * conv.channels_in)) ** 0.5
        shape = (conv.channels_out, conv.channels_in, 3, 3)
        tensors[f"{conv.name}.weight"] = gain * torch.randn(shape, generator=generator)
        tensors[f"{conv.name}.bias"] = 0.1 * torch.rand(conv.channels_out, generator=generator)
    return Weights(architecture, CONVENTION, tensors, sha256="0" * 64, source="random")


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with structure, uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(rng.uniform(4, 14) * x + rng.uniform(4, 14) * y + rng.uniform(0, 6)) for _ in range(3)]
    return np.clip(127 + 90 * np.stack(waves, -1) + rng.normal(0, 6, (height, width, 3)), 0, 255).astype(np.uint8)


def painting(height: int, width: int, seed: int = 1) -> np.ndarray:
    """A picture with hard strokes, uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    stripes = ((x * 3 + y * 5) // 7 % 4)[..., None] * np.array([60, 40, 20]) + rng.integers(0, 60, (height, width, 3))
    return np.clip(stripes, 0, 255).astype(np.uint8)


def blend(own: Sequence[Mapping[str, Tensor]], weights: Sequence[float] | None, kind: Kind = "gram") -> dict[str, Tensor]:
    """Of several styles' statistics {layer: …} one."""
    return {layer: mixed(kind, [each[layer] for each in own], weights) for layer in own[0]}
