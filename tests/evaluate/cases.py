"""What both evaluators are tried on."""

from __future__ import annotations

from typing import Any

import torch

LAYERS: list[dict[str, Any]] = [
    {"content_layers": {"conv4_2": 1.0}},
    {"content_layers": {"conv1_1": 1.0, "conv3_1": 0.5}},
    {"content_layers": {"conv1_2": 1.0}, "style_layers": {"conv1_1": 1.0, "conv2_2": 1.0}},
    {"content_layers": {"conv1_1": 1.0}, "style_layers": {"conv1_1": 1.0}},
    {"content_layers": {"conv2_2": 1.0}, "style_layers": {"conv3_4": 1.0, "conv4_1": 1.0}},
    {"content_loss": "laplacian", "style_layers": {"conv1_2": 1.0, "conv2_1": 1.0}},
]


def picture(array: Any, dtype: torch.dtype) -> torch.Tensor:
    """uint8 [H, W, 3] as [1, 3, H, W] in 0..1."""
    return torch.from_numpy(array).permute(2, 0, 1)[None].to(dtype) / 255
