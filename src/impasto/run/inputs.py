"""What a run is given: settings and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

    def roles(self) -> dict[str, Picture]:
        """The pictures by role: content, style.0, style.1, …, start."""
        pictures = {"content": self.content} | {f"style.{i}": style for i, style in enumerate(self.styles)}
        return pictures if self.start is None else pictures | {"start": self.start}


def gather(content: Any, styles: Sequence[Any], settings: Settings) -> Inputs:
    """Reads all pictures: paths, bytes, PIL images, arrays or tensors.

    Raises InvalidSettings without a style, and the reader's errors.
    """
    if not styles:
        raise InvalidSettings("no style picture was given; name at least one after the content picture")
    sources = {"content": content} | {f"style.{i}": style for i, style in enumerate(styles)}
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
    return Inputs(pictures["content"], tuple(pictures[role] for role in styles), pictures.get("start"), paths)
