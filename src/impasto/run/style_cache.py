"""A style's Gram matrices are measured once, and kept on disk: the next run with that style starts without measuring it.

An entry is one style's own matrices at one size, before blending, so that blends are made of entries.  What is read is to the
last bit what would be measured now: the key holds the pixels that are measured, and all that the arithmetic depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from impasto import cache
from impasto.losses.styles import Kind, version_of
from impasto.manifest import describe_device
from impasto.objective import WHOLE, Guides, Survey, style_grams
from impasto.storage.utf8_path import utf8_path
from impasto.vgg import Vgg

ARITHMETIC: Final = 4
"""Of the network, to the last bit: one more whenever its features are computed in another way."""


def grams(
    vgg: Vgg,
    style: Tensor,
    layers: Sequence[str],
    survey: Survey = WHOLE,
    kind: Kind = "gram",
    guides: Guides | None = None,
) -> dict[str, Tensor]:
    """As `objective.style_grams`, from the cache if it has them: {layer: [C, C]}; style: [1, 3, H, W], sRGB-encoded, 0..1."""
    key = _key(vgg, style, layers, survey, kind, guides)
    found = _read(key, layers, vgg.device)
    if found is None:
        found = style_grams(vgg, style, layers, survey, kind, guides)
        tensors = {layer: matrix.cpu().contiguous() for layer, matrix in found.items()}
        cache.keep(key, save(tensors, {"key": key, "sha256": _sha256(tensors)}))
    return found


def _key(vgg: Vgg, style: Tensor, layers: Sequence[str], survey: Survey, kind: Kind, guides: Guides | None) -> str:
    """The hash of all that the matrices depend on.

    The pixels themselves rather than the file they came from: they also tell the size, and how this version of the libraries
    decodes and resizes that file.
    """
    facts = {
        "pixels": [list(style.shape), str(style.dtype), hashlib.sha256(style.cpu().contiguous().numpy().data).hexdigest()],
        "layers": list(layers),
        "survey": survey.name,
        "network": [vgg.weights.sha256, repr(vgg.weights.convention), vgg.pooling],
        "statistic": version_of(kind),
        "guides": None if guides is None else _sha256({layer: guide.cpu().contiguous() for layer, guide in guides.items()}),
        "arithmetic": [
            ARITHMETIC,
            vgg.arithmetic,
            torch.__version__,
            describe_device(vgg.device),
            torch.backends.cpu.get_cpu_capability(),
        ],
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _read(key: str, layers: Sequence[str], device: torch.device) -> dict[str, Tensor] | None:
    """Return the entry of a key, or None where there is none, or one that is damaged or was not written here."""
    path = cache.path_of(key)
    if path is None:
        return None
    try:
        with utf8_path(path) as openable, safe_open(openable, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {layer: file.get_tensor(layer) for layer in layers}
            if metadata.get("key") != key or metadata.get("sha256") != _sha256(tensors):
                return None
            # Copied even on the CPU: a file's tensors lie at any address, and MKL's sums depend on alignment in the last bit.
            return {layer: matrix.to(device, copy=True) for layer, matrix in tensors.items()}
    except (OSError, SafetensorError, ValueError, RuntimeError):
        return None


def _sha256(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for matrix in tensors.values():
        digest.update(matrix.numpy().data)
    return digest.hexdigest()
