"""Keras HDF5: kernels [H, W, in, out] for BGR, 0..255, in the namings of three generations.

old      /block1_conv1 weight_names = [block1_conv1_W_1:0, block1_conv1_b_1:0]
newer    /block1_conv1 weight_names = [block1_conv1/kernel:0, …], both sometimes under /model_weights
Keras 3  /layers/conv2d/vars/0 and 1: numbered, in the order of the network
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.vgg.formats.contents import Contents, Pair, assemble, from_hwio, in_order
from impasto.vgg.parameters import CONVENTIONS

_BLOCK = re.compile(r"block(\d)_conv(\d)")


def read(path: Path) -> Contents:
    """The convolutions of a Keras file; raises WeightsError when it is damaged or of another network."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            arrays = list(_by_attributes(root) if "layer_names" in root.attrs else _by_vars(root))
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} is a damaged HDF5 file ({_line(error)}); get it again", path=path) from None
    architecture, tensors = assemble(path, _pairs(path, arrays))
    return Contents(architecture, tensors, CONVENTIONS["caffe"], f"Keras {path.name}")


def _by_attributes(root: Any) -> Iterator[tuple[str, Tensor]]:
    """(name, array) in the order in which the file's attributes list them."""
    for layer in root.attrs["layer_names"]:
        group = root[_text(layer)]
        for name in group.attrs["weight_names"]:
            yield f"{_text(layer)}/{_text(name)}", _tensor(group[_text(name)])


def _by_vars(root: Any) -> Iterator[tuple[str, Tensor]]:
    """(name, array) of all `…/vars/N`, numbers taken as numbers: conv2d, conv2d_1, …, conv2d_10."""
    names: list[str] = []
    root.visit(lambda name: names.append(name) if "/vars/" in name else None)
    for name in sorted(names, key=_natural):
        yield name, _tensor(root[name])


def _pairs(path: Path, arrays: list[tuple[str, Tensor]]) -> dict[str, Pair]:
    """Each kernel with the bias after it, under the layer's name when the file tells it, else by order."""
    found: list[tuple[str, Pair]] = []
    for at, (name, kernel) in enumerate(arrays):
        if kernel.ndim != 4:
            continue
        bias = arrays[at + 1][1] if at + 1 < len(arrays) else kernel
        if bias.ndim != 1:
            raise WeightsError(f"{path} has no bias for {name}; give a complete VGG-19 or VGG-16", path=path)
        found.append((name, Pair(from_hwio(kernel), bias)))
    blocks = [_BLOCK.search(name) for name, _ in found]
    if found and all(blocks):
        labels = [f"conv{block[1]}_{block[2]}" for block in blocks if block is not None]
        return {label: pair for label, (_, pair) in zip(labels, found, strict=True)}
    return in_order(path, [pair for _, pair in found])


def _tensor(dataset: Any) -> Tensor:
    # A fully connected kernel of 400 MB is not read: its rank says enough.
    return (
        torch.empty(0, 0, dtype=torch.float32, device="cpu") if dataset.ndim == 2 else torch.from_numpy(np.asarray(dataset[()]))
    )


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
