"""The start image of a run: content, noise, blend, style, or a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor

from impasto.images import resize

NAMED: Final = ("content", "noise", "blend", "style")
BLEND_NOISE: Final = 20 / 255
"""The noise of a blend is uniform in ±20 of 255 around the network's mean colour (deeplearning.ai's course)."""


def start_image(
    kind: str,
    *,
    content: Tensor,
    styles: Iterable[Tensor],
    given: Tensor | None,
    mean_rgb: Tensor,
    noise_ratio: float,
    generator: torch.Generator,
) -> Tensor:
    """Return the start at the first level, [1, 3, H, W], sRGB-encoded, 0..1.

    `content` gives the size; `given`: the picture of a start file at that size, [1, 3, H, W]; `mean_rgb`: [1, 3, 1, 1];
    `generator`: on the CPU, so that every device starts from the same noise.
    """
    if given is not None:
        return given
    if kind == "content":
        return content.clone()
    if kind == "style":
        return resize(next(iter(styles)), (content.shape[2], content.shape[3]))
    uniform = torch.rand(content.shape, generator=generator, dtype=torch.float32, device="cpu").to(content)
    if kind == "noise":
        return uniform
    noise = mean_rgb.to(content) + BLEND_NOISE * (2 * uniform - 1)
    return (noise_ratio * noise + (1 - noise_ratio) * content).clamp(0, 1)
