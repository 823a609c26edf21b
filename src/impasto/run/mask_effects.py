"""Masks that leave nothing, or nearly nothing: judged by what they do to the picture, at its size, and not by their own numbers.

A label map of 0 and 1 or 0 and 3 of 255 is a mask to whoever made it and black to everybody else; one white pixel of a large mask
is gone once it is resampled to the picture's size.  What has no effect to speak of is refused before any work; what has little is
said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.images import Picture, fit
from impasto.run.inputs import Inputs
from impasto.run.levels import final_size
from impasto.run.masks import FULL, painted
from impasto.settings import Settings
from impasto.storage.text import shown

_LOOKED_AT_PX: Final = 1024
"""Long side at which effects are measured where the picture is larger: a part that shows up there is one in the picture."""

_LEAST_STRENGTH: Final = 0.25
"""A mask that has less effect everywhere is refused: in the place of the picture one would get the photograph."""

_LEAST_PX: Final = 16.0
"""A mask whose effect, added up over the pixels, is less than that of so many is refused."""

_LITTLE: Final = 0.01
"""A part of the picture that is smaller is worth a word."""

_TRANSPARENT: Final = 1 / 512
"""Alpha that is less everywhere is 0 in 8 bits."""


@dataclass(frozen=True)
class _Effect:
    """One mask on what is called `what`, as `the picture`; `seen`: [H, W], 0..1, the mask at that thing's size.

    `relative`: only how its values compare with each other counts, since what is kept of a style is a mean over positions.
    """

    name: str
    mask: Picture
    seen: Tensor
    what: str
    relative: bool = False

    @property
    def most(self) -> float:
        """The largest effect, 0..1, if values count as they are."""
        return min(1.0, FULL * float(self.seen.max()))

    @property
    def strength(self) -> Tensor:
        """The effect, [H, W], 0..1."""
        return self.seen / self.seen.max().clamp_min(_TRANSPARENT) if self.relative else self.seen.mul(FULL).clamp(0, 1)

    @property
    def share(self) -> float:
        """The mean effect, 0..1."""
        return float(self.strength.mean())


def check_masks(settings: Settings, inputs: Inputs) -> None:
    """Refuse masks and transparency that leave nearly nothing, before any work.

    Raises:
        InvalidSettings: Which one it is, what it leaves, and what to do.
    """
    for effect in _effects(settings, inputs):
        if effect.most < _LEAST_STRENGTH or float(effect.strength.sum()) < _LEAST_PX:
            raise _refusal(effect)
    for name, alpha, what in _transparent(settings, inputs):
        if float(alpha.max()) < _TRANSPARENT:
            raise InvalidSettings(f"{name} is wholly transparent, so nothing of it can be seen; give one that is not")
        if float((alpha / alpha.max()).sum()) < _LEAST_PX:
            raise InvalidSettings(f"{name} is transparent but for a few pixels, which leave nothing of {what}; crop it to them")


def little_is_left(settings: Settings, inputs: Inputs) -> Iterator[str]:
    """Yield in words what masks and transparency leave of a run, where that is little."""
    together: list[Tensor] = []
    for effect in _effects(settings, inputs):
        if effect.what == "the picture":
            together.append(effect.strength)
            if effect.most < 1:
                value = round(255 * effect.most / FULL)
                yield (
                    f"{effect.name} paints with at most {effect.most:.0%} of its style, and the photograph shows through: its "
                    f"lightest value at this size is {value} of 255"
                )
        elif effect.share < _LITTLE:
            yield f"{effect.name} leaves {effect.share:.2%} of {effect.what}"
    if together and len(inputs.masks) == len(inputs.styles):
        share = float(torch.stack(together).amax(0).mean())
        if share < _LITTLE:
            yield f"the masks leave {share:.2%} of the picture to be painted; the rest stays the photograph"
    for name, alpha, what in _transparent(settings, inputs):
        if float(alpha.max()) < _LEAST_STRENGTH and what == "the picture":
            yield f"{name} is nearly transparent everywhere, and so is {what}"
        share = float((alpha / alpha.max()).mean())
        if share < _LITTLE:
            yield f"{name} is transparent but for {share:.2%} of it, which is all that counts"


def _refusal(effect: _Effect) -> InvalidSettings:
    """Return what is wrong with a mask: its values, or how little of it is white."""
    lightest = float(painted(effect.mask, effect.mask.size).max())  # before it is resampled
    value = round(255 * lightest)
    if value == 0:
        return InvalidSettings(f"{effect.name} is black, so it leaves nothing of {effect.what}; paint it white where it counts")
    if lightest * FULL < _LEAST_STRENGTH:
        return InvalidSettings(
            f"{effect.name} is nearly black, so it leaves nothing of {effect.what}: its lightest value is {value} of 255; "
            f"stretch it to 0..255, white where it counts"
        )
    height, width = effect.seen.shape
    return InvalidSettings(
        f"what is white in {effect.name} is so small that it leaves nothing of {effect.what} at {width}x{height}; paint it larger"
    )


def _effects(settings: Settings, inputs: Inputs) -> Iterator[_Effect]:
    """Yield each mask once: on the picture, on a style, or on the photograph's colours."""
    final = final_size(settings, inputs.content.size)
    size = _looked_at(final, max(final))
    each = dict(zip((mask.sha256 for mask in inputs.masks.values()), inputs.masks.values(), strict=True))
    for mask in each.values():
        yield _Effect(f"the mask {shown(mask.name)}", mask, painted(mask, size), "the picture")
    for at, mask in inputs.style_masks.items():
        style = inputs.styles[at]
        seen = painted(mask, _looked_at(style.size, max(final)))
        yield _Effect(f"the style mask {shown(mask.name)}", mask, seen, f"the style {shown(style.name)}", relative=True)
    if inputs.color_mask is not None:
        name = f"the colour mask {shown(inputs.color_mask.name)}"
        yield _Effect(name, inputs.color_mask, painted(inputs.color_mask, size), "the photograph's colours")


def _transparent(settings: Settings, inputs: Inputs) -> Iterator[tuple[str, Tensor, str]]:
    """Yield names, alpha [H, W] and what that is the alpha of, of photograph and styles that are not opaque."""
    final = final_size(settings, inputs.content.size)
    alpha = inputs.content.alpha_at(_looked_at(final, max(final)))
    if alpha is not None:
        yield f"the content {shown(inputs.content.name)}", alpha, "the picture"
    for at, style in enumerate(inputs.styles):
        if isinstance(style, Picture) and at not in inputs.style_masks:
            alpha = style.alpha_at(_looked_at(style.size, max(final)))
            if alpha is not None:
                yield f"the style {shown(style.name)}", alpha, "the style"


def _looked_at(size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    """Return the size (height, width) at which something of this size is looked at in a picture of this long side."""
    return fit(size, min(_LOOKED_AT_PX, long_side_px, max(size)))
