"""Keys of a PyTorch state: `features.N.weight` (torchvision, Caffe conversions), bare `N.weight`, or
`conv1_1.weight` (Gatys, impasto).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from impasto.errors import WeightsError
from impasto.vgg.architecture import ARCHITECTURES
from impasto.vgg.formats.contents import Pair

_INDEXED = re.compile(r"^(?:(?:.*\.)?features\.)?(\d+)\.(weight|bias)$")
_NAMED = re.compile(r"^(?:.*\.)?(conv\d_\d)\.(weight|bias)$")


def named_pairs(path: Path, keys: Iterable[str], get: Callable[[str], Tensor]) -> dict[str, Pair]:
    """Convolutions by their names in the paper; `get` is asked for these only, not for the large classifier.

    Raises WeightsError when no convolution is found, one has no bias, or the network has batch normalisation.
    """
    keys = list(keys)
    if any(key.endswith("running_mean") for key in keys):
        raise WeightsError(f"{path} is a network with batch normalisation; give VGG-19 or VGG-16 without it", path=path)
    parts = _parts(keys)
    if not parts:
        some = ", ".join(keys[:3])
        raise WeightsError(
            f"{path} holds no VGG convolutions (its keys: {some or 'none'}); give a file with keys such as features.0.weight",
            path=path,
        )
    for name, part in parts.items():
        for kind in ("weight", "bias"):
            if kind not in part:
                raise WeightsError(f"{path} lacks {name}.{kind}; give a complete file", path=path)
    return {name: Pair(get(part["weight"]), get(part["bias"])) for name, part in parts.items()}


def _parts(keys: list[str]) -> dict[str, dict[str, str]]:
    """{layer: {"weight": key, "bias": key}}."""
    named: dict[str, dict[str, str]] = {}
    indexed: dict[int, dict[str, str]] = {}
    for key in keys:
        if found := _NAMED.match(key):
            named.setdefault(found[1], {})[found[2]] = key
        elif found := _INDEXED.match(key):
            indexed.setdefault(int(found[1]), {})[found[2]] = key
    if named:
        return named
    names = _names(set(indexed))
    return {names.get(index, f"features.{index}"): part for index, part in sorted(indexed.items())}


def _names(indices: set[int]) -> dict[int, str]:
    """The layer at each index, in the network that has most of these indices."""
    best = max(ARCHITECTURES.values(), key=lambda architecture: len(indices & set(architecture.torch_indices)))
    return dict(zip(best.torch_indices, best.layers, strict=True))
