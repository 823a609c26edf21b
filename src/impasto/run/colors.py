"""A run's colours: what goes into it recoloured, and what comes out."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from torch import Tensor

from impasto.controls.palette import Recoloring, grey, matching, matching_lightness, recolored, with_chroma_of
from impasto.errors import InvalidSettings
from impasto.images import Picture, fit
from impasto.run.inputs import Inputs
from impasto.run.masks import painted
from impasto.settings import Settings

_LOOKED_AT_PX: Final = 256
"""The long side at which colours are counted: the same for all levels, so that each recolours alike."""


class Colors:
    """Of the settings `color` and `color_amount`; `style`, and an amount of 0, change nothing."""

    def __init__(self, settings: Settings, inputs: Inputs) -> None:
        """Looks at no picture yet; raises InvalidSettings for a mask that `color` has no use for."""
        self._amount = settings.color_amount
        self._mode = settings.color if self._amount > 0 else "style"
        self._inputs = inputs
        if inputs.color_mask is not None and self._mode != "content":
            raise InvalidSettings(
                "a colour mask lays the photograph's colours over a part of the picture; give --color content with it",
                setting="color",
            )

    def content(self, rgb: Tensor) -> Tensor:
        """The content, or a start image, [1, 3, H, W], 0..1, as the run sees it."""
        return recolored(rgb, grey(), amount=self._amount) if self._mode == "luminance" else rgb

    def style(self, at: int, rgb: Tensor) -> Tensor:
        """The style of that position, likewise."""
        if self._mode not in {"match", "luminance"}:
            return rgb
        return recolored(rgb, self._of_styles[at], amount=self._amount)

    def finished(self, rgb: Tensor) -> Tensor:
        """A picture [3, H, W], 0..1, of any size, with the colours that it is to have."""
        if self._mode not in {"content", "luminance"}:
            return rgb
        content = self._inputs.content.at((rgb.shape[1], rgb.shape[2]))
        mask = self._inputs.color_mask
        where = 1.0 if mask is None else painted(mask, (rgb.shape[1], rgb.shape[2])).to(rgb)
        return with_chroma_of(rgb[None], content.to(rgb), amount=self._amount * where)[0]

    @cached_property
    def _of_styles(self) -> list[Recoloring]:
        content = _small(self._inputs.content)
        way = matching if self._mode == "match" else matching_lightness
        return [way(_small(style), content) for style in self._inputs.styles if isinstance(style, Picture)]


def _small(picture: Picture) -> Tensor:
    return picture.at(fit(picture.size, min(_LOOKED_AT_PX, max(picture.size))))
