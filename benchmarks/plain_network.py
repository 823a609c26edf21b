"""VGG-19 as everybody builds it: an nn.Sequential of convolution, ReLU and pooling, with the embedded weights.

It shares nothing with impasto's own network but the numbers, so it can tell whether that one computes what it should.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn

from impasto.vgg.parameters import Weights


def build(
    weights: Weights, *, deepest: str, pooling: Literal["max", "average"], channels: Literal["RGB", "BGR"]
) -> nn.Sequential:
    """conv1_1, relu1_1, … to the ReLU after the convolution `deepest`, frozen, for input with channels in the given order."""
    network = nn.Sequential()
    stride = 1
    for conv in weights.architecture.convs:
        if conv.stride != stride:
            stride = conv.stride
            pool = nn.MaxPool2d(2, 2) if pooling == "max" else nn.AvgPool2d(2, 2)
            network.add_module(f"pool{int(conv.name[4]) - 1}", pool)
        layer = nn.Conv2d(conv.channels_in, conv.channels_out, kernel_size=3, padding=1)
        kernel = weights.tensors[f"{conv.name}.weight"]
        turn = conv.channels_in == 3 and weights.convention.channels != channels
        layer.weight.data.copy_(kernel.flip(1) if turn else kernel)
        layer.bias.data.copy_(weights.tensors[f"{conv.name}.bias"])  # type: ignore[union-attr]
        network.add_module(conv.name, layer)
        network.add_module(conv.name.replace("conv", "relu"), nn.ReLU(inplace=True))
        if conv.name == deepest:
            break
    return network.requires_grad_(requires_grad=False)


def activations(network: nn.Sequential, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """{"relu4_2": [1, C, h, w], …} of the named modules for x: [1, 3, H, W], as the network expects it."""
    wanted = set(layers)
    found: dict[str, Tensor] = {}
    for name, module in network.named_children():
        x = module(x)
        if name in wanted:
            found[name] = x
    return found
