"""What a run is given: settings and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import InvalidSettings, UnknownName
from impasto.images import Picture, read
from impasto.run.start import NAMED
from impasto.settings import Settings


@dataclass(frozen=True)
class Inputs:
    """The pictures of a run, and where each was found (None for arrays)."""

    content: Picture
    styles: tuple[Picture, ...]
    start: Picture | None
    paths: Mapping[str, str | None]
    masks: Mapping[int, Picture] = field(default_factory=dict)
    """Where styles paint, by their positions; those without one paint everywhere."""

    def roles(self) -> dict[str, Picture]:
        """The pictures by role: content, style.0, style.1, …, start, mask.0, …"""
        pictures = {"content": self.content} | {f"style.{i}": style for i, style in enumerate(self.styles)}
        pictures |= {} if self.start is None else {"start": self.start}
        return pictures | {f"mask.{i}": mask for i, mask in self.masks.items()}


def gather(content: Any, styles: Sequence[Any], settings: Settings, masks: Sequence[Any] = ()) -> Inputs:
    """Reads all pictures: paths, bytes, PIL images, arrays or tensors; `masks`: one a style, or None, or no masks at all.

    Raises InvalidSettings without a style, and the reader's errors.
    """
    if not styles:
        raise InvalidSettings("no style picture was given; name at least one after the content picture")
    sources = {"content": content} | {f"style.{i}": style for i, style in enumerate(styles)}
    sources |= {f"mask.{i}": mask for i, mask in enumerate(masks) if mask is not None}
    if settings.init not in NAMED:
        start = Path(settings.init).expanduser()
        if not start.exists() and start.suffix == "" and start.parent == Path():
            raise UnknownName("start image", settings.init, (*NAMED, "a file's path"))
        sources["start"] = settings.init
    paths = {role: str(source) if isinstance(source, str | Path) else None for role, source in sources.items()}
    pictures = {
        role: read(source, role=role.partition(".")[0], max_pixels=settings.max_pixels) for role, source in sources.items()
    }
    return from_roles(pictures, paths)


def decoded(
    encoded: Mapping[str, bytes], names: Mapping[str, str], paths: Mapping[str, str | None], settings: Settings
) -> Inputs:
    """Inputs from their files' own bytes, by role.  Raises the reader's errors."""
    pictures = {
        role: read(encoded[role], role=role.partition(".")[0], name=name, max_pixels=settings.max_pixels)
        for role, name in names.items()
    }
    return from_roles(pictures, paths)


def from_roles(pictures: Mapping[str, Picture], paths: Mapping[str, str | None]) -> Inputs:
    """Inputs from pictures by role, as `Inputs.roles` names them."""
    styles = sorted((role for role in pictures if role.startswith("style.")), key=lambda role: int(role[6:]))
    masks = {int(role[5:]): picture for role, picture in pictures.items() if role.startswith("mask.")}
    return Inputs(pictures["content"], tuple(pictures[role] for role in styles), pictures.get("start"), paths, masks)
