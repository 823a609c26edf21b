"""What the layers of the networks are called: known without a network, so that a wrong name is refused at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

DEPTHS: Final = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}
"""Convolutions in each block of a network.  Simonyan and Zisserman 2014 (arXiv 1409.1556), table 1, columns E and D."""


def layer_names(depths: Sequence[int]) -> tuple[str, ...]:
    """The names of all layers, shallow to deep: `conv4_2` is the second of block 4."""
    return tuple(f"conv{block}_{index}" for block, depth in enumerate(depths, 1) for index in range(1, depth + 1))


def canonical_layer(name: str) -> str:
    """`relu4_2` means `conv4_2`: both name the activation after the ReLU."""
    return "conv" + name[4:] if name.startswith("relu") else name
