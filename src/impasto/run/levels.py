"""Coarse to fine: the sizes of a run and the iterations at each.

A level's size follows from the final size and the level's distance from it alone, and its iterations from its size alone, so a
run at 256 px is the prefix of the run at 1,024 px: an honest preview.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from impasto.errors import ImageTooSmall, InvalidSettings
from impasto.images import Picture, fit
from impasto.settings import Settings

COARSEST_PX: Final = 128
"""The long side below which no level is added: the deepest layers see too little of the picture there."""


@dataclass(frozen=True)
class Level:
    """One size (height, width) in px and its iterations."""

    size: tuple[int, int]
    iterations: int

    def canvas(self, margin: int) -> tuple[int, int]:
        """What the level works on (height, width): its picture with a margin of so many px on each side."""
        return self.size[0] + 2 * margin, self.size[1] + 2 * margin


def default_iterations(long_side_px: int) -> int:
    """Iterations at a level by its size: many where they are cheap and set the composition, fewer where they add detail.

    200 at 128 px, then less by a factor of √2 a doubling (100 at 512 px), never below 50.
    """
    return max(50, round(200 * math.sqrt(COARSEST_PX / max(long_side_px, COARSEST_PX))))


def final_size(settings: Settings, content: tuple[int, int]) -> tuple[int, int]:
    """The size (height, width) in px that the settings ask for, for a photograph of a given size."""
    if settings.size == "original":
        return content
    if isinstance(settings.size, tuple):
        width, height = settings.size
        return height, width
    return fit(content, settings.size)


def plan(settings: Settings, content: tuple[int, int], *, min_side_px: int, stride: int = 1) -> tuple[Level, ...]:
    """The levels from coarse to fine, for a photograph of size (height, width).

    `min_side_px`: the least side that the deepest layer needs; `stride`: its own, of which a tileable picture's sides are
    multiples at all levels but the last, where that is the user's to choose.  Raises ImageTooSmall or InvalidSettings.
    """
    last = final_size(settings, content)
    if min(last) < min_side_px:
        raise ImageTooSmall(
            f"the deepest layer needs at least {min_side_px} px a side, the picture would be {last[1]}x{last[0]}; "
            f"choose a larger --size, or leave out the deepest layers",
            size=last,
            min_side_px=min_side_px,
        )
    shape = last if isinstance(settings.size, tuple) else content
    sizes = [last]
    while settings.levels is None or len(sizes) < settings.levels:
        coarser = fit(shape, round(max(last) / settings.level_factor ** len(sizes)))
        if settings.tileable:
            coarser = (max(1, round(coarser[0] / stride)) * stride, max(1, round(coarser[1] / stride)) * stride)
        if settings.levels is None and (max(coarser) < COARSEST_PX or min(coarser) < min_side_px):
            break
        if min(coarser) < min_side_px:
            raise InvalidSettings(
                f"{settings.levels} levels would start at {coarser[1]}x{coarser[0]}, but the deepest layer needs "
                f"{min_side_px} px a side; use --levels {len(sizes)}",
                setting="levels",
            )
        sizes.append(coarser)
    return tuple(Level(size, settings.iterations or default_iterations(max(size))) for size in reversed(sizes))


def check_tileable(size: tuple[int, int], stride: int) -> None:
    """Raises InvalidSettings for a size (height, width) at which poolings would meet other cells beyond a tileable one's edge."""
    if any(side % stride for side in size):
        near = "x".join(str(max(1, round(side / stride)) * stride) for side in reversed(size))
        raise InvalidSettings(
            f"a tileable picture's sides must be multiples of {stride} px, not {size[1]}x{size[0]}; use --size {near}",
            setting="size",
        )


def check_inputs(content: Picture, styles: Sequence[Picture], *, min_side_px: int) -> None:
    """Raises ImageTooSmall for a picture that has fewer pixels a side than the deepest layer needs."""
    _check([("content", content)], min_side_px)
    check_styles(styles, min_side_px=min_side_px)


def check_styles(styles: Sequence[Picture], *, min_side_px: int) -> None:
    """Likewise, of styles alone."""
    _check([("style", style) for style in styles], min_side_px)


def _check(pictures: Sequence[tuple[str, Picture]], min_side_px: int) -> None:
    for role, picture in pictures:
        height, width = picture.size
        if min(height, width) < min_side_px:
            raise ImageTooSmall(
                f"the deepest layer needs at least {min_side_px} px a side, {role} {picture.name} is {width}x{height}; "
                f"use a larger picture, or leave out the deepest layers",
                size=(height, width),
                min_side_px=min_side_px,
            )


def style_size(
    settings: Settings, style: tuple[int, int], level: tuple[int, int], *, scale: float = 1.0, min_side_px: int
) -> tuple[int, int]:
    """The size (height, width) at which a style is measured for a level.

    Its long side is `scale` times the picture's, so strokes keep their size relative to the picture at every level (Gatys et al.
    2017, arXiv 1611.07865, control the stroke size so); it is never enlarged,
    since that would teach the picture the blur; a side that the deepest layer needs is kept.
    """
    if settings.style_fit == "stretch":
        return level
    long_side = min(max(1, round(scale * max(level))), max(style))
    height, width = fit(style, long_side)
    if min(height, width) < min_side_px:
        scale = min_side_px / min(height, width)
        height, width = max(min_side_px, round(height * scale)), max(min_side_px, round(width * scale))
    return height, width
