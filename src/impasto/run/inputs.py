"""What a run is given: settings and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import InvalidSettings, UnknownName
from impasto.images import Picture, read
from impasto.run.start import NAMED
from impasto.run.style_file import StyleFile, is_style_file, read_style
from impasto.settings import Settings


@dataclass(frozen=True)
class Inputs:
    """The pictures of a run, and where each was found (None for arrays)."""

    content: Picture
    styles: tuple[Picture | StyleFile, ...]
    start: Picture | None
    paths: Mapping[str, str | None]
    masks: Mapping[int, Picture] = field(default_factory=dict)
    """Where styles paint, by their positions; those without one paint everywhere."""

    style_masks: Mapping[int, Picture] = field(default_factory=dict)
    """What of a style counts, likewise."""

    color_mask: Picture | None = None
    """Where `color` does what it does; None is everywhere."""

    def roles(self) -> dict[str, Picture | StyleFile]:
        """The inputs by role: content, style.0, style.1, …, start, mask.0, …, style_mask.0, …, color_mask"""
        found: dict[str, Picture | StyleFile] = {"content": self.content}
        found |= {f"style.{i}": style for i, style in enumerate(self.styles)}
        found |= {} if self.start is None else {"start": self.start}
        found |= {f"mask.{i}": mask for i, mask in self.masks.items()}
        found |= {f"style_mask.{i}": mask for i, mask in self.style_masks.items()}
        return found if self.color_mask is None else found | {"color_mask": self.color_mask}


def gather(
    content: Any,
    styles: Sequence[Any],
    settings: Settings,
    masks: Sequence[Any] = (),
    style_masks: Sequence[Any] = (),
    color_mask: Any = None,
) -> Inputs:
    """Reads all pictures: paths, bytes, PIL images, arrays or tensors, and style files.

    `masks`, `style_masks`: one a style, or None, or none at all.

    Raises InvalidSettings without a style, and the reader's errors.
    """
    if not styles:
        raise InvalidSettings("no style picture was given; name at least one after the content picture")
    sources = {"content": content} | {f"style.{i}": style for i, style in enumerate(styles)}
    sources |= {f"mask.{i}": mask for i, mask in enumerate(masks) if mask is not None}
    sources |= {f"style_mask.{i}": mask for i, mask in enumerate(style_masks) if mask is not None}
    sources |= {} if color_mask is None else {"color_mask": color_mask}
    if settings.init not in NAMED:
        start = Path(settings.init).expanduser()
        if not start.exists() and start.suffix == "" and start.parent == Path():
            raise UnknownName("start image", settings.init, (*NAMED, "a file's path"))
        sources["start"] = settings.init
    paths = {role: str(source) if isinstance(source, str | Path) else None for role, source in sources.items()}
    return from_roles({role: read_input(role, source, settings) for role, source in sources.items()}, paths)


def decoded(
    encoded: Mapping[str, bytes], names: Mapping[str, str], paths: Mapping[str, str | None], settings: Settings
) -> Inputs:
    """Inputs from their files' own bytes, by role.  Raises the reader's errors."""
    return from_roles({role: read_input(role, encoded[role], settings, name) for role, name in names.items()}, paths)


def read_input(role: str, source: Any, settings: Settings, name: str | None = None) -> Picture | StyleFile:
    """What a role of `Inputs.roles` has, from its source; raises the reader's errors."""
    kind = role.partition(".")[0]
    if kind in {"style", "content"} and is_style_file(source):
        style = read_style(source, name=name)
        return style if kind == "style" else style.blank()
    return read(source, role=kind.replace("_", " "), name=name, max_pixels=settings.max_pixels)


def from_roles(found: Mapping[str, Picture | StyleFile], paths: Mapping[str, str | None]) -> Inputs:
    """Inputs by role, as `Inputs.roles` names them."""
    styles = sorted((role for role in found if role.startswith("style.")), key=lambda role: int(role[6:]))
    pictures = {role: one for role, one in found.items() if isinstance(one, Picture)}

    def numbered(kind: str) -> dict[int, Picture]:
        return {int(role.partition(".")[2]): one for role, one in pictures.items() if role.partition(".")[0] == kind}

    return Inputs(
        pictures["content"],
        tuple(found[role] for role in styles),
        pictures.get("start"),
        paths,
        numbered("mask"),
        numbered("style_mask"),
        pictures.get("color_mask"),
    )
