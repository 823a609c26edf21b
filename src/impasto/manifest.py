"""What a picture remembers of its making: enough to make it again, inside the file and beside it as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import torch

from impasto.errors import CheckpointError
from impasto.images import Picture, read_manifest
from impasto.settings import Settings

FORMAT: Final = "impasto-manifest 1"
_PACKAGES: Final = ("impasto", "torch", "numpy", "pillow", "safetensors")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a picture depends on."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES}


def describe_device(device: torch.device) -> str:
    """The device in words, with its threads or its name, since results are exact only on the same."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()}, {torch.get_num_threads()} threads)"


def describe_picture(picture: Picture, path: str | None) -> dict[str, Any]:
    """An input: its name, the path as given, the hash of its bytes, its size in px."""
    height, width = picture.rgb.shape[1:]
    return {"name": picture.name, "path": path, "sha256": picture.sha256, "width": width, "height": height}


def to_json(facts: Mapping[str, Any]) -> str:
    """The text that is stored: one line, any Unicode."""
    return json.dumps({"format": FORMAT, **facts}, ensure_ascii=False)


def sidecar(picture: Path) -> Path:
    """The JSON file beside a picture: cat.png → cat.png.json."""
    return picture.with_name(picture.name + ".json")


def load(picture: Path) -> dict[str, Any]:
    """The manifest of a finished picture, from the file itself or from the JSON beside it; a JSON file may be given too.

    Raises CheckpointError when there is none.
    """
    if not picture.is_file():
        raise CheckpointError(f"there is no picture {picture}; give the path of a picture that impasto made")
    beside = sidecar(picture)
    text = picture.read_text("utf-8") if picture.suffix == ".json" else read_manifest(picture)
    if text is None and beside.is_file():
        text = beside.read_text("utf-8")
    try:
        facts = json.loads(text or "")
    except ValueError:
        facts = None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise CheckpointError(f"{picture} carries no manifest of impasto, and {beside.name} does not stand beside it")
    return facts


def settings_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a manifest records; only those that this version knows."""
    return {name: value for name, value in dict(facts["settings"]).items() if name in Settings.model_fields}
