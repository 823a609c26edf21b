"""Which network a name or a weights file is, told from the beginning of the file, without PyTorch and without its numbers.

A queue's clients and its workers are different processes.  What a worker could only fail at, as a layer that VGG-16 has not, is
refused here, before anything is queued.  Only forms that tell cheaply are asked: safetensors and PyTorch's.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from impasto.errors import UnknownName, WeightsError
from impasto.files import expanded
from impasto.layers import DEPTHS, layer_names
from impasto.settings import Settings
from impasto.storage.text import shown
from impasto.storage.user_folders import data_folder

_EMBEDDED: Final = "vgg19"
_MOST_BYTES: Final = 1 << 20
"""Headers of the networks that can be used take some kilobytes."""

_NAMED: Final = re.compile(r"(?:.*\.)?(conv\d_\d)\.weight")
_INDEXED: Final = re.compile(r"(?:(?:.*\.)?features\.)?(\d+)\.weight")
_IN_PICKLE: Final = re.compile(rb"[A-Za-z0-9_.]*\d\.weight")


def check_network(settings: Settings, *, missing_is_wrong: bool) -> None:
    """Refuse layers that the settings' network has not, where its file tells which network it is.

    Args:
        settings: The settings of a run.
        missing_is_wrong: Whether the network must be on this machine.

    Raises:
        UnknownName: The network has no such layer, or there is no network of that name.
        WeightsError: There is no such file.
    """
    file = _file(settings.network)
    if file is None and missing_is_wrong and settings.network != _EMBEDDED:
        path = expanded(settings.network)
        if path.suffix == "" and len(path.parts) <= 1:
            raise UnknownName("network", settings.network, [_EMBEDDED])
        raise WeightsError(f"there is no weights file {shown(path)}; check the path", path=path)
    name = _EMBEDDED if settings.network == _EMBEDDED else None if file is None else architecture_of(file)
    if name is None:
        return
    names = layer_names(DEPTHS[name])
    for setting in ("content_layers", "style_layers"):
        for layer in getattr(settings, setting):
            if layer not in names:
                raise UnknownName(
                    f"layer of {name}, which the network {shown(settings.network)} is,", layer, names, setting=setting
                )


def architecture_of(file: Path) -> str | None:
    """Return the name of the network that a weights file is of, or None where its beginning does not tell."""
    try:
        with file.open("rb") as opened:
            head = opened.read(9)
            if head[8:9] == b"{":
                opened.seek(8)
                header = json.loads(opened.read(min(int.from_bytes(head[:8], "little"), _MOST_BYTES)))
                said = dict(header.pop("__metadata__", {})).get("architecture")
                return said if said in DEPTHS else _by_keys(header)
            if head[:2] == b"PK":
                with zipfile.ZipFile(file) as archive:
                    entry = next(name for name in archive.namelist() if name.endswith("data.pkl"))
                    with archive.open(entry) as pickle:
                        return _by_keys(_keys(pickle.read(_MOST_BYTES)))
            if head[:1] == b"\x80":  # a pickle that is no archive: older files of PyTorch
                return _by_keys(_keys(head + opened.read(_MOST_BYTES)))
    except (OSError, ValueError, TypeError, StopIteration, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return None
    return None


def _file(network: str) -> Path | None:
    """Return the file of an imported network or of a path; None where there is none."""
    base = data_folder()
    imported = [] if base is None or Path(network).name != network else [base / "weights" / f"{network}.safetensors"]
    try:
        return next((path for path in (*imported, expanded(network)) if path.is_file()), None)
    except (OSError, ValueError):
        return None


def _keys(pickle: bytes) -> list[str]:
    return [key.decode("ascii") for key in _IN_PICKLE.findall(pickle)]


def _by_keys(keys: Iterable[str]) -> str | None:
    """Return the network whose last convolutions are among the keys: by name, or by torchvision's count of all modules."""
    keys = list(keys)
    named = {found[1] for key in keys if (found := _NAMED.fullmatch(key))}
    indexed = {int(found[1]) for key in keys if (found := _INDEXED.fullmatch(key))}
    if "conv5_4" in named or 34 in indexed:
        return "vgg19"
    if "conv5_3" in named or {26, 28} <= indexed:
        return "vgg16"
    return None
