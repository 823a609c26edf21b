"""Which pictures the style is made of: weights, and folders that count as one style.

Everything a run needs of that stands in its settings afterwards, picture by picture, so that manifests and checkpoints say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from impasto.errors import InvalidSettings
from impasto.files import expanded
from impasto.images import READABLE, Picture
from impasto.run.inputs import Inputs, gather
from impasto.settings import Settings

_WEIGHTED: Final = re.compile(r"(.+):([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)")


_NOTABLY: Final = 1.25
"""Strokes that are finer than asked for by more than this are worth a word."""


class Unfolded(NamedTuple):
    """One source a picture, their masks (None: everywhere; empty: there are none), and settings for each of them."""

    sources: list[Any]
    masks: list[Any]
    settings: Settings


def unfold(styles: Sequence[Any], settings: Settings, masks: Sequence[Any] = ()) -> Unfolded:
    """Styles picture by picture, and settings with a weight and a scale for each; `masks`: one or None a style, or none at all.

    A style is what `stylize` takes, a path with its weight behind a colon (`b.jpg:0.3`), or a folder: its pictures, by name,
    share one style's weight alike.  Raises InvalidSettings for weights given twice or not one a style, and for a folder without
    pictures.
    """
    named = [_weighted(style) for style in styles]
    weights = [weight for _, weight in named]
    if settings.style_weights is not None and any(weight is not None for weight in weights):
        raise InvalidSettings("weights of styles are given behind their names and as style_weights; give them once")
    check(settings, len(styles))
    if settings.style_weights is not None:
        weights = list(settings.style_weights)
    scales = settings.style_scale if len(settings.style_scale) > 1 else settings.style_scale * len(styles)
    if len(masks) not in {0, len(styles)}:
        raise InvalidSettings(f"expected a mask, or None, for each of {len(styles)} styles, got {len(masks)}")
    sources: list[Any] = []
    each_mask: list[Any] = []
    each_weight: list[float] = []
    each_scale: list[float] = []
    for (source, _), weight, scale, mask in zip(named, weights, scales, masks or [None] * len(styles), strict=True):
        pictures = _pictures(source)
        sources += pictures
        each_weight += [(1.0 if weight is None else weight) / len(pictures)] * len(pictures)
        each_scale += [scale] * len(pictures)
        each_mask += [mask] * len(pictures)
    changed: dict[str, Any] = {}
    if len(set(each_weight)) > 1:
        changed["style_weights"] = tuple(each_weight)
    if len(set(each_scale)) > 1:
        changed["style_scale"] = tuple(each_scale)
    same = {"style_weights": None, "style_scale": settings.style_scale[:1]}
    return Unfolded(sources, each_mask if len(masks) > 0 else [], settings.model_copy(update=same | changed))


def assembled(content: Any, styles: Sequence[Any], settings: Settings, masks: Sequence[Any] = ()) -> tuple[Inputs, Settings]:
    """The inputs of a run and its settings, picture by picture; without content (None) that is the first style.

    Raises what `unfold` and `gather` do.
    """
    unfolded = unfold(styles, settings, masks)
    first = unfolded.sources[0] if content is None and unfolded.sources else content
    return gather(first, unfolded.sources, unfolded.settings, unfolded.masks), unfolded.settings


def check(settings: Settings, count: int) -> None:
    """Raises InvalidSettings unless there is a weight a style, and a scale for all or one a style."""
    if settings.style_weights is not None and len(settings.style_weights) != count:
        raise InvalidSettings(
            f"style_weights: expected one weight for each of {count} styles, got {len(settings.style_weights)}",
            setting="style_weights",
        )
    if len(settings.style_scale) not in {1, count}:
        raise InvalidSettings(
            f"style_scale: expected one scale for all, or one for each of {count} styles, got {len(settings.style_scale)}",
            setting="style_scale",
        )


def finer_strokes(settings: Settings, styles: Sequence[Picture], long_side_px: int) -> Iterator[tuple[str, float]]:
    """Styles with too few pixels for a picture: their names, and how much finer than asked for strokes will be."""
    for at, style in enumerate(styles):
        finer = settings.scale_of_style(at) * long_side_px / max(style.size)
        if finer > _NOTABLY and settings.style_fit == "keep":
            yield style.name, finer


def _weighted(style: Any) -> tuple[Any, float | None]:
    """A style, and the weight behind its name; a file that has such a name is that file."""
    if not isinstance(style, str) or expanded(style).exists():
        return style, None
    found = _WEIGHTED.fullmatch(style)
    if found is None:
        return style, None
    weight = float(found[2])
    if not 0 < weight < 1e12:
        raise InvalidSettings(f"the weight of the style {found[1]} must be above 0, got {found[2]}; leave it out instead of 0")
    return found[1], weight


def _pictures(source: Any) -> list[Any]:
    if not isinstance(source, str | Path) or not expanded(source).is_dir():
        return [source]
    folder = expanded(source)
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in READABLE and not path.name.startswith("."))
    if not pictures:
        raise InvalidSettings(f"the folder {source} has no pictures; name a picture, or a folder with {', '.join(READABLE)}")
    return [str(path) for path in pictures]
