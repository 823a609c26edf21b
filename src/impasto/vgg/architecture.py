"""The topology of VGG-19 and VGG-16, and the geometry that follows from it.

Five blocks of 3×3 convolutions (stride 1, padding 1), each convolution followed by a ReLU, each block by a 2×2 pooling of
stride 2.  Simonyan and Zisserman 2014 (arXiv 1409.1556), table 1, columns E (VGG-19) and D (VGG-16).  The fully connected
layers are not needed: only features are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from impasto.errors import UnknownName
from impasto.layers import DEPTHS, canonical_layer, layer_names


@dataclass(frozen=True)
class Conv:
    """One convolution: its layer name, channels in and out, and the stride (pixels a cell) at which it works."""

    name: str
    channels_in: int
    channels_out: int
    stride: int


@dataclass(frozen=True)
class Architecture:
    """A VGG: `depths[b]` convolutions of `widths[b]` channels in block b + 1."""

    name: str
    depths: tuple[int, ...]
    widths: tuple[int, ...]

    @cached_property
    def convs(self) -> tuple[Conv, ...]:
        """All convolutions, in order."""
        convs: list[Conv] = []
        channels = 3
        for name in self.layers:
            block = int(name[4]) - 1
            convs.append(Conv(name, channels, self.widths[block], 2**block))
            channels = self.widths[block]
        return tuple(convs)

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The names of all layers, shallow to deep."""
        return layer_names(self.depths)

    @cached_property
    def torch_indices(self) -> tuple[int, ...]:
        """The index N of each convolution in torchvision's `features.N`: ReLUs and poolings count too."""
        indices: list[int] = []
        at = 0
        for depth in self.depths:
            for _ in range(depth):
                indices.append(at)
                at += 2
            at += 1
        return tuple(indices)

    def layer(self, name: str) -> str:
        """The canonical name of a layer: `relu4_2` means `conv4_2`, the activation after the ReLU.

        Raises UnknownName, with the nearest valid names.
        """
        canonical = canonical_layer(name)
        if canonical not in self.layers:
            raise UnknownName(f"layer of {self.name}", name, self.layers)
        return canonical

    def index(self, layer: str) -> int:
        """Position of a layer among the convolutions, from 0."""
        return self.layers.index(self.layer(layer))

    def channels(self, layer: str) -> int:
        """Channels C of a layer."""
        return self.convs[self.index(layer)].channels_out

    def stride(self, layer: str) -> int:
        """Pixels between neighbouring cells of a layer."""
        return self.convs[self.index(layer)].stride

    def padding_px(self, layer: str) -> int:
        """Pixels of zero padding, summed over all convolutions up to the layer: how far the border reaches in."""
        return sum(conv.stride for conv in self.convs[: self.index(layer) + 1])

    def min_side_px(self, layer: str) -> int:
        """The smallest side that leaves the layer 2×2 cells, below which its statistics say nothing."""
        return 2 * self.stride(layer)

    def deepest(self, layers: tuple[str, ...]) -> str:
        """The deepest of some layers."""
        return self.layers[max(self.index(name) for name in layers)]


VGG19 = Architecture("vgg19", DEPTHS["vgg19"], (64, 128, 256, 512, 512))
VGG16 = Architecture("vgg16", DEPTHS["vgg16"], (64, 128, 256, 512, 512))
ARCHITECTURES = {architecture.name: architecture for architecture in (VGG19, VGG16)}
