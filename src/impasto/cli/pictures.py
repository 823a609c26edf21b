"""Which pictures `stylize` and `estimate` are given: styles, and masks of all kinds; by options, or in the settings file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from impasto.errors import InvalidSettings
from impasto.settings import split_region

_SEVERAL: Final = ("style", "region", "style_mask")
_ONE: Final = ("mask", "color_mask")


@dataclass(frozen=True)
class Pictures:
    """Styles, a mask or None for each or none at all, likewise for their own sides, and where the photograph's colours go."""

    styles: list[str]
    masks: list[str | None]
    style_masks: list[str | None]
    color_mask: str | None


def pictures(
    file: dict[str, Any],
    styles: Sequence[str],
    *,
    mask: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
    style_masks: Sequence[str] | None = None,
    color_mask: Sequence[str] | None = None,
) -> Pictures:
    """Options win over the values of a settings file, from which those of pictures are taken out.  Raises InvalidSettings."""
    own = _of_file(file)
    if not styles and not regions:
        styles, regions = own.get("style", []), own.get("region")
    for_all = _one("--mask", mask, "it is for all styles; a style with a mask of its own is --region MASK=STYLE") or own.get(
        "mask"
    )
    every, masks = _with_masks(styles, mask=for_all, regions=regions or ())
    colors = _one("--color-mask", color_mask, "give one, white wherever the colours count") or own.get("color_mask")
    return Pictures(every, masks, with_style_masks(style_masks or own.get("style_mask"), len(every)), colors)


def _one(option: str, given: Sequence[str] | None, advice: str) -> str | None:
    """Of options that are given once, the last would win in silence."""
    if given and len(given) > 1:
        raise InvalidSettings(f"{option} is given {len(given)} times; {advice}")
    return given[0] if given else None


def _of_file(file: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in (*_SEVERAL, *_ONE):
        if name in file:
            value = file.pop(name)
            listed = [value] if isinstance(value, str) else value
            fits = isinstance(listed, list) and all(isinstance(one, str) for one in listed)
            if not fits or (name in _ONE and len(listed) != 1):
                many = "a path, or a list of paths" if name in _SEVERAL else "a path"
                raise InvalidSettings(f"the settings file has {name} = {value!r}, expected {many} in quotes", setting=name)
            found[name] = listed if name in _SEVERAL else listed[0]
    return found


def with_style_masks(given: Sequence[str] | None, count: int) -> list[str | None]:
    """One a style: those given, `-` for none; those behind them have none."""
    masks = [None if mask == "-" else mask for mask in given or ()]
    if len(masks) > count:
        raise InvalidSettings(f"there are {len(masks)} --style-mask for {count} styles; give one a style, - for none")
    return [*masks, *[None] * (count - len(masks))] if masks else []


def _with_masks(plain: Sequence[str], *, mask: str | None, regions: Sequence[str]) -> tuple[list[str], list[str | None]]:
    """Return all styles, and the mask of each: `mask` for those that are not of a region; no masks where there are none."""
    if mask is None and not regions:
        return list(plain), []
    if mask is not None and not plain:
        raise InvalidSettings("--mask is for styles without --region, and there are none; leave it out, or give one")
    pairs: list[tuple[str, str | None]] = [(style, mask) for style in plain]
    for region in regions:
        own, style = split_region(region)
        if not (own and style):
            raise InvalidSettings(f"--region expects MASK=STYLE, as sky.png=starry.jpg, got {region!r}")
        pairs.append((style, own))
    return [style for style, _ in pairs], [own for _, own in pairs]
