"""Masks of a run: where its styles paint, and where none does, so that the photograph stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from impasto.images import Picture
from impasto.run.inputs import Inputs
from impasto.run.style_file import StyleFile

_NOTABLY: Final = 1.03
"""Proportions that differ by more are worth a word."""

FULL: Final = 4.0
"""From a quarter on, nothing of the photograph is laid over; below, it comes in as the masks go to 0."""


def painted(mask: Picture, size: tuple[int, int]) -> Tensor:
    """Return where a mask paints, [*size], 0..1: its alpha if it has any, else how light it is, as encoded."""
    alpha = mask.alpha_at(size)
    return mask.at(size)[0].mean(0).clamp(0, 1) if alpha is None else alpha.clamp(0, 1)


def of_styles(inputs: Inputs, size: tuple[int, int]) -> list[Tensor | None]:
    """Return for each style where it paints, [H, W]; the same tensor for those with the same mask, None for everywhere."""
    known: dict[str, Tensor] = {}
    found: list[Tensor | None] = []
    for at in range(len(inputs.styles)):
        mask = inputs.masks.get(at)
        if mask is not None and mask.sha256 not in known:
            known[mask.sha256] = painted(mask, size)
        found.append(None if mask is None else known[mask.sha256])
    return found


def of_style(inputs: Inputs, at: int, size: tuple[int, int]) -> Tensor | None:
    """Return what of a style counts, by its position, [H, W]: by its mask, else its own alpha; None is all."""
    mask, style = inputs.style_masks.get(at), inputs.styles[at]
    if mask is not None:
        return painted(mask, size)
    return style.alpha_at(size) if isinstance(style, Picture) else None


def stretched(inputs: Inputs) -> Iterator[tuple[str, str]]:
    """Yield masks whose proportions are not those of what they lie on: their names, and both proportions in words."""
    pairs: list[tuple[Picture, Picture | StyleFile]] = [(mask, inputs.content) for mask in inputs.masks.values()]
    pairs += [(inputs.color_mask, inputs.content)] if inputs.color_mask is not None else []
    pairs += [(mask, inputs.styles[at]) for at, mask in inputs.style_masks.items()]
    for mask, picture in pairs:
        (height, width), (high, wide) = mask.size, picture.size
        ratio = width / height / (wide / high)
        if not 1 / _NOTABLY < ratio < _NOTABLY:
            yield mask.name, f"{width}x{height} on {picture.name}, which is {wide}x{high}"


def protected(rgb: Tensor, inputs: Inputs) -> Tensor:
    """Return a finished picture [3, H, W], 0..1, with the photograph where no style paints."""
    size = (rgb.shape[1], rgb.shape[2])
    masks = of_styles(inputs, size)
    if not masks or any(mask is None for mask in masks):
        return rgb
    share = torch.stack([mask for mask in masks if mask is not None]).amax(0).mul(FULL).clamp(0, 1).to(rgb)
    return torch.lerp(inputs.content.at(size)[0].to(rgb), rgb, share)
