"""What a picture remembers of its making: enough to make it again, inside the file and beside it as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Protocol

import torch

from impasto.errors import CheckpointError
from impasto.images import read_manifest
from impasto.settings import Settings
from impasto.storage.text import to_json as json_text
from impasto.vgg import Vgg

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


class Input(Protocol):
    """A picture, or what stands in the place of one."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def sha256(self) -> str:
        """Of its file."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in px."""


def describe_picture(picture: Input, path: str | None) -> dict[str, Any]:
    """An input: its name, the path as given, the hash of its bytes, its size in px."""
    height, width = picture.size
    return {"name": picture.name, "path": path, "sha256": picture.sha256, "width": width, "height": height}


def to_json(facts: Mapping[str, Any]) -> str:
    """Return the text that is stored: one line in Unicode; names that are none are escaped, and come back when it is read."""
    return json_text({"format": FORMAT, **facts})


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
    try:
        text = picture.read_text("utf-8") if picture.suffix == ".json" else read_manifest(picture)
        if text is None and beside.is_file():
            text = beside.read_text("utf-8")
        facts = json.loads(text or "")
    except (ValueError, OSError):
        facts = None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise CheckpointError(f"{picture} carries no manifest of impasto, and {beside.name} does not stand beside it")
    return facts


def settings_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a manifest records; only those that this version knows."""
    return {name: value for name, value in dict(facts["settings"]).items() if name in Settings.model_fields}


def check_same(facts: Mapping[str, Any], pictures: Sequence[Input], weights_sha256: str) -> None:
    """Raises CheckpointError when an input or the weights are not those of the manifest.

    `pictures`: as `Inputs.roles` has them.
    """
    recorded = [
        facts["content"],
        *facts["styles"],
        *([facts["start"]] if facts["start"] else []),
        *facts.get("masks", {}).values(),
        *facts.get("style_masks", {}).values(),
        *([facts["color_mask"]] if facts.get("color_mask") else []),
    ]
    if len(recorded) != len(pictures):
        raise CheckpointError(f"the picture was made from {len(recorded)} pictures, {len(pictures)} were given; give all of them")
    for was, now in zip(recorded, pictures, strict=True):
        if was["sha256"] != now.sha256:
            raise CheckpointError(
                f"{was['path'] or was['name']} is not the picture it was: its hash is {now.sha256[:12]}…, "
                f"the manifest says {was['sha256'][:12]}…; give the old one with --content or --style"
            )
    weights = facts["weights"]
    if weights["sha256"] != weights_sha256:
        raise CheckpointError(
            f"the picture was made with other weights ({weights['source']}, {weights['sha256'][:12]}…) than are here now "
            f"({weights_sha256[:12]}…); import the old ones"
        )


def differences(facts: Mapping[str, Any], vgg: Vgg) -> list[tuple[str, str, str]]:
    """(what, then, now) of versions, device and arithmetic where they differ: results are exact only with the same."""
    now = versions() | {"device": describe_device(vgg.device), "arithmetic": vgg.arithmetic}
    then = {**facts["versions"], "device": facts["device"], "arithmetic": facts.get("arithmetic", "float32")}
    return [(name, was, now[name]) for name, was in then.items() if name in now and now[name] != was]
