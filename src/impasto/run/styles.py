"""Which pictures the style is made of: weights, and folders that count as one style.

Everything a run needs of that stands in its settings afterwards, picture by picture, so that manifests and checkpoints say it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from impasto.errors import InvalidSettings
from impasto.files import expanded
from impasto.images import READABLE, Picture
from impasto.images.sources import STANDARD_INPUT
from impasto.losses.styles import KIND_OF
from impasto.run.inputs import Inputs, gather
from impasto.run.style_file import StyleFile, is_style_file
from impasto.settings import EACH_STYLE, Settings, check_counts
from impasto.storage.listing import Listing, in_folder, on_disk
from impasto.storage.text import shown
from impasto.style_argument import weighted
from impasto.vgg import Vgg

_NOTABLY: Final = 1.25
"""Strokes that are finer than asked for by more than this are worth a word."""


class Unfolded(NamedTuple):
    """One source a picture, their masks (None: everywhere; empty: there are none), and settings for each of them."""

    sources: list[Any]
    masks: list[Any]
    settings: Settings
    style_masks: list[Any]


def unfold(styles: Sequence[Any], settings: Settings, masks: Sequence[Any] = (), style_masks: Sequence[Any] = ()) -> Unfolded:
    """Return the styles picture by picture, and settings with a weight, a scale and so on for each.

    A style is what `stylize` takes, a path with its weight behind a colon (`b.jpg:0.3`), or a folder: its pictures, by name,
    share one style's weight alike.  `masks`, `style_masks`: one or None a style, or none at all.  Raises InvalidSettings for
    weights given twice or not one a style, for a folder without pictures, and for a style's mask that fits none of its pictures.
    """
    named = [weighted(style) if isinstance(style, str) else (style, None) for style in styles]
    weights = [weight for _, weight in named]
    if settings.style_weights is not None and any(weight is not None for weight in weights):
        raise InvalidSettings("weights of styles are given behind their names and as style_weights; give them once")
    check_counts(settings, len(styles))
    if settings.style_weights is not None:
        weights = list(settings.style_weights)
    for given, what in ((masks, "a mask"), (style_masks, "a style mask")):
        if len(given) not in {0, len(styles)}:
            raise InvalidSettings(f"expected {what}, or None, for each of {len(styles)} styles, got {len(given)}")
    pictures = [_pictures(source) for source, _ in named]
    for (source, _), found, mask in zip(named, pictures, style_masks or [None] * len(styles), strict=True):
        if mask is not None and len(found) > 1:
            raise InvalidSettings(f"a style mask belongs to one picture, but {source} is a folder of {len(found)}; name one")
    counts = [len(found) for found in pictures]
    shared = [(1.0 if weight is None else weight) / count for weight, count in zip(weights, counts, strict=True)]
    each_weight = _repeated(shared, counts)
    changed: dict[str, Any] = {"style_weights": tuple(each_weight) if len(set(each_weight)) > 1 else None}
    for name in EACH_STYLE:
        values = getattr(settings, name)
        each = _repeated(values if len(values) > 1 else values * len(styles), counts)
        changed[name] = tuple(each) if len(set(each)) > 1 else values[:1]
    return Unfolded(
        [picture for found in pictures for picture in found],
        _repeated(masks, counts) if len(masks) > 0 else [],
        settings.model_copy(update=changed),
        _repeated(style_masks, counts) if len(style_masks) > 0 else [],
    )


def _repeated(values: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    """One a style → one a picture."""
    return [value for value, count in zip(values, counts, strict=True) for _ in range(count)]


def assembled(
    content: Any,
    styles: Sequence[Any],
    settings: Settings,
    masks: Sequence[Any] = (),
    style_masks: Sequence[Any] = (),
    color_mask: Any = None,
) -> tuple[Inputs, Settings]:
    """Return the inputs of a run and its settings, picture by picture; without content (None) that is the first style.

    Raises what `unfold` and `gather` do.
    """
    _check_standard_input([content, *styles, *masks, *style_masks, color_mask])
    unfolded = unfold(styles, settings, masks, style_masks)
    first = unfolded.sources[0] if content is None and unfolded.sources else content
    inputs = gather(first, unfolded.sources, unfolded.settings, unfolded.masks, unfolded.style_masks, color_mask)
    return inputs, unfolded.settings


def _check_standard_input(sources: Sequence[Any]) -> None:
    """Raise InvalidSettings where `-` is given for several pictures: what is piped in comes only once."""
    plain = [weighted(source)[0] if isinstance(source, str) else source for source in sources]
    piped = sum(isinstance(source, str) and source == STANDARD_INPUT for source in plain)
    if piped > 1:
        raise InvalidSettings(
            f"the standard input (-) is one picture, and it was given for {piped}; save it to a file, and name that for each"
        )


def check_style_files(settings: Settings, inputs: Inputs, vgg: Vgg) -> None:
    """Raises InvalidSettings for what style files cannot do: they have certain statistics, and no pixels."""
    alpha, beta, _ = settings.term_weights()
    if alpha > 0 and is_style_file(inputs.content.encoded):
        raise InvalidSettings(f"the content {inputs.content.name} is a style file; name a photograph")
    needs = {
        "init": settings.init == "style" and isinstance(inputs.styles[0], StyleFile),
        "color": settings.color in {"match", "luminance"} and settings.color_amount > 0,
        "style_fit": settings.style_fit == "stretch",
        "style_mask": any(isinstance(inputs.styles[at], StyleFile) for at in inputs.style_masks),
    }
    files = [style for style in inputs.styles if isinstance(style, StyleFile)]
    for style in files if beta > 0 else ():
        style.require(vgg, [layer for layer, weight in settings.style_layers.items() if weight > 0], KIND_OF[settings.style_loss])
    for what, needed in needs.items():
        if needed and files:
            raise InvalidSettings(f"{what}: {files[0].name} is a style file and has no pixels; give the painting itself for that")


def finer_strokes(settings: Settings, styles: Sequence[Picture | StyleFile], long_side_px: int) -> Iterator[tuple[str, float]]:
    """Styles with too few pixels for a picture: their names, and how much finer than asked for strokes will be."""
    for at, style in enumerate(styles):
        finer = settings.scale_of_style(at) * long_side_px / max(style.size)
        if finer > _NOTABLY and settings.style_fit == "keep":
            yield style.name, finer


def passed_over(styles: Sequence[Any]) -> list[str]:
    """Return lines for the user about what is no picture in those styles that are folders."""
    sources = [weighted(style)[0] if isinstance(style, str) else style for style in styles]
    folders = [folder for source in sources if (folder := _folder(source)) is not None]
    return [note for folder in folders for note in _listed(folder).notes]


def _folder(source: Any) -> Path | None:
    if not isinstance(source, str | Path):
        return None
    path = on_disk(expanded(source))
    return path if os.path.isdir(path) else None  # noqa: PTH112 - Path.is_dir raises for names that the system does not take


def _listed(folder: Path) -> Listing:
    try:
        return in_folder(folder, READABLE, kind="pictures")
    except OSError as error:
        raise InvalidSettings(f"the folder {shown(folder)} cannot be read: {error.strerror or error}") from None


def _pictures(source: Any) -> list[Any]:
    folder = _folder(source)
    if folder is None:
        return [source]
    pictures = _listed(folder).files
    if not pictures:
        raise InvalidSettings(
            f"the folder {shown(source)} has no pictures; name a picture, or a folder with {', '.join(READABLE)}"
        )
    return [str(path) for path in pictures]
