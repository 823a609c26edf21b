"""The record of a picture's making: enough to make it again, inside the file and beside it as JSON.

A picture is published, and its inputs' folders tell of their owner.  So the record inside the file has names and hashes only; the
one beside it also has the paths.
"""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final, Protocol

import torch

from impasto.errors import CheckpointError
from impasto.images import Picture, read_manifest
from impasto.settings import Settings
from impasto.storage.text import shown
from impasto.storage.text import to_json as json_text
from impasto.storage.user_text import read_text
from impasto.vgg import Vgg

FORMAT: Final = "impasto-manifest 1"
_PATHS: Final = ("network", "init")
"""Settings that may be paths."""

_PACKAGES: Final = ("impasto", "torch", "numpy", "pillow", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a picture depends on."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES}


def describe_device(device: torch.device) -> str:
    """Return the device in words, with its threads or its name, since results are exact only on the same."""
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
        """The hash of its file."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in px."""


def describe_picture(picture: Input, path: str | None) -> dict[str, Any]:
    """Return an input's name, the path as given, the hashes of its bytes and of its pixels, its size in px."""
    height, width = picture.size
    return {
        "name": picture.name,
        "path": path,
        "sha256": picture.sha256,
        "pixels_sha256": picture.pixels_sha256 if isinstance(picture, Picture) else None,
        "width": width,
        "height": height,
    }


def to_json(facts: Mapping[str, Any]) -> str:
    """Return the text that is stored: one line in Unicode; names that are none are escaped, and come back when it is read."""
    return json_text({"format": FORMAT, **facts})


def without_places(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with names of files in place of paths: `file` for the `path` of an input."""
    found: dict[str, Any] = _named(facts)
    settings = {**facts["settings"]}
    for name in _PATHS:
        if isinstance(settings.get(name), str):
            settings[name] = _file_name(settings[name])
    return {**found, "settings": settings}


def _named(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _named(one) for key, one in value.items() if key != "path"}
        path = value.get("path")
        return kept if path is None else {**kept, "file": _file_name(path)}
    return [_named(one) for one in value] if isinstance(value, list | tuple) else value


def _file_name(path: str) -> str:
    """Return the last part of a path, of whichever system it is from."""
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name


def called(described: Mapping[str, Any]) -> str:
    """Return what a message calls an input: its path, or its file's name, or its own."""
    return str(next(described[key] for key in ("path", "file", "name") if described.get(key) is not None))


def sidecar(picture: Path) -> Path:
    """Return the JSON file beside a picture: cat.png → cat.png.json."""
    return picture.with_name(picture.name + ".json")


def forget(beside: Path) -> None:
    """Remove the manifest of an older picture, so that it is not taken for the one of the picture it stands beside now.

    Another file of that name stays.
    """
    if _read(lambda: read_text(beside)) is not None:
        with contextlib.suppress(OSError):
            beside.unlink()


def load(picture: Path) -> dict[str, Any]:
    """Return the manifest of a finished picture, from the file itself or from the JSON beside it; a JSON file may be given too.

    The one beside it is taken if it is the same, since it has the paths.

    Raises:
        CheckpointError: There is none.
    """
    if not picture.is_file():
        raise CheckpointError(f"there is no picture {shown(picture)}; give the path of a picture that impasto made")
    beside = sidecar(picture)
    if picture.suffix == ".json":
        facts = _read(lambda: read_text(picture))
    else:
        inside, outside = _read(lambda: read_manifest(picture)), _read(lambda: read_text(beside))
        facts = outside if inside is None or _same(inside, outside) else inside
    if facts is None:
        raise CheckpointError(
            f"{shown(picture)} carries no manifest of impasto, and {shown(beside.name)} does not stand beside it"
        )
    return facts


def _read(text: Callable[[], str | None]) -> dict[str, Any] | None:
    """Return a manifest from its text, or None where there is none, or something else."""
    try:
        facts = json.loads(text() or "")
    except (ValueError, OSError):
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None


def _same(inside: dict[str, Any], beside: dict[str, Any] | None) -> bool:
    """Return whether two manifests are of the same picture, paths apart."""
    try:
        return beside is not None and without_places(inside) == without_places(beside)
    except (KeyError, TypeError, AttributeError):
        return False


def settings_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a manifest records; only those that this version knows."""
    return {name: value for name, value in dict(facts["settings"]).items() if name in Settings.model_fields}


def is_same(described: Mapping[str, Any], picture: Input) -> bool:
    """Return whether a picture is the input that a manifest describes: by its bytes, or by its pixels.

    What a viewer writes into a photograph, as a rating, or a lossless copy of it changes the bytes, and nothing that a run sees.
    Manifests of older versions have the bytes' hash only.
    """
    if described["sha256"] == picture.sha256:
        return True
    pixels = described.get("pixels_sha256")
    return pixels is not None and isinstance(picture, Picture) and pixels == picture.pixels_sha256


def check_same(facts: Mapping[str, Any], pictures: Sequence[Input], weights_sha256: str) -> None:
    """Check that inputs and weights are those of a manifest.

    Args:
        facts: The manifest.
        pictures: The inputs, as `Inputs.roles` has them.
        weights_sha256: The hash of the network's file.

    Raises:
        CheckpointError: One is not.
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
        if not is_same(was, now):
            raise CheckpointError(
                f"{shown(called(was))} is not the picture it was: its hash is {now.sha256[:12]}…, the manifest says "
                f"{was['sha256'][:12]}…, and its pixels are others; give the old one with --content or --style"
            )
    weights = facts["weights"]
    if weights["sha256"] != weights_sha256:
        raise CheckpointError(
            f"the picture was made with other weights ({weights['source']}, {weights['sha256'][:12]}…) than are here now "
            f"({weights_sha256[:12]}…); import the old ones"
        )


def differences(facts: Mapping[str, Any], vgg: Vgg) -> list[tuple[str, str, str]]:
    """Return (what, then, now) of versions, device and arithmetic where they differ: results are exact only with the same."""
    now = versions() | {"device": describe_device(vgg.device), "arithmetic": vgg.arithmetic}
    then = {**facts["versions"], "device": facts["device"], "arithmetic": facts.get("arithmetic", "float32")}
    return [(name, was, now[name]) for name, was in then.items() if name in now and now[name] != was]
