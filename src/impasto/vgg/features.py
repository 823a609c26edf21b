"""The frozen network: sRGB pixels in, activations after the ReLU out.

The only place that knows a network's input convention (channel order, range, mean, std).  It comes with the weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import ImageTooSmall
from impasto.vgg import winograd
from impasto.vgg.architecture import Architecture
from impasto.vgg.weights import Weights


class Vgg:
    """A frozen VGG whose features are differentiable in the pixels.

    `pooling`: max as trained, or average, which the 2015 paper found to look better.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        pooling: Literal["max", "average"] = "max",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        tf32: bool = False,
    ) -> None:
        self.architecture: Architecture = weights.architecture
        self.weights = weights
        self.pooling = pooling
        self.device = torch.device(device)
        self.dtype = dtype
        self.tf32 = tf32
        # float16 ends at 65,504, and activations reach 20,000 on photographs.  ReLU, pooling and convolution (its bias shrunk
        # alike) pass a factor on, so all of them can be smaller by a power of two, exactly, and are made large again at the end.
        self._shrink = 1 / 16 if dtype == torch.float16 else 1.0
        self._kernels: dict[str, Tensor] = {}
        self._biases: dict[str, Tensor] = {}
        self._winograd: dict[str, winograd.Winograd] = {}
        convention = weights.convention
        reverse = convention.channels == "BGR"
        order = [2, 1, 0] if reverse else [0, 1, 2]
        first = self.architecture.layers[0]
        for conv in self.architecture.convs:
            kernel = weights.tensors[f"{conv.name}.weight"].to(self.device, dtype)
            bias = (self._shrink * weights.tensors[f"{conv.name}.bias"]).to(self.device, dtype)
            if conv.name == first and reverse:
                kernel = kernel.flip(1)  # so that RGB need not be reordered at each step; exact
            if self.device.type == "cpu" and dtype == torch.float32 and winograd.fits(conv.channels_in, conv.channels_out):
                self._winograd[conv.name] = winograd.Winograd(kernel, bias)
            else:
                self._kernels[conv.name] = kernel.contiguous(memory_format=torch.channels_last)
                self._biases[conv.name] = bias

        def rgb(values: tuple[float, float, float], unit: float) -> Tensor:
            return torch.tensor([values[i] / unit for i in order], device=self.device).view(1, 3, 1, 1)

        self.mean_rgb = rgb(convention.mean, convention.range)
        self._gain = self._shrink * rgb(
            (1 / convention.std[0], 1 / convention.std[1], 1 / convention.std[2]), 1 / convention.range
        )

    @property
    def precision(self) -> str:
        """The name of the number format it computes in, as in the settings."""
        return "tf32" if self.tf32 else str(self.dtype).removeprefix("torch.")

    @property
    def own_convolutions(self) -> bool:
        """Whether most of it runs on winograd.c."""
        return bool(self._winograd)

    @property
    def arithmetic(self) -> str:
        """What computes its numbers, in words: results are equal to the last bit only with the same."""
        own = winograd.library() if self.own_convolutions else None
        return f"{self.precision}, {'convolutions of PyTorch' if own is None else f'own convolutions ({own.name})'}"

    def exactly(self) -> AbstractContextManager[None]:
        """To be entered around a pass forward and back: no choice of algorithm by the clock, and TF32 only where asked for."""
        flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=self.tf32
        )
        return flags

    def features(self, rgb: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Activations after the ReLU of the named layers.

        `rgb`: [B, 3, H, W], sRGB-encoded, 0..1.  Returns {layer: [B, C, ⌊H/stride⌋, ⌊W/stride⌋]}, keys as they were asked for;
        the network stops at the deepest layer; they have the dtype of rgb, whatever dtype the network computes in.  Raises
        UnknownName for a layer that does not exist, ValueError for another shape or dtype, ImageTooSmall when a layer would be
        empty.
        """
        canonical = {name: self.architecture.layer(name) for name in layers}
        wanted = set(canonical.values())
        if rgb.ndim != 4 or rgb.shape[1] != 3 or not rgb.is_floating_point():
            raise ValueError(f"expected a float tensor [B, 3, H, W] in 0..1, got {rgb.dtype} {list(rgb.shape)}")
        found: dict[str, Tensor] = {}
        if not wanted:
            return {}
        x = ((rgb - self.mean_rgb) * self._gain).to(self.dtype, memory_format=torch.channels_last)
        deepest = self.architecture.deepest(tuple(wanted))
        if min(rgb.shape[2:]) < self.architecture.stride(deepest):
            least, (height, width) = self.architecture.stride(deepest), rgb.shape[2:]
            raise ImageTooSmall(
                f"{deepest} needs at least {least} px a side, the picture has {width}x{height}; enlarge it or use shallower ones"
            )
        convs = self.architecture.convs[: self.architecture.index(deepest) + 1]
        for conv, after in zip_longest(convs, convs[1:]):
            ends_block = after is not None and after.stride != conv.stride
            # Pooling at once spares the largest activations, unless someone wants to see them.
            pool_at_once = ends_block and self.pooling == "max" and conv.name not in wanted and conv.name in self._winograd
            if conv.name in self._winograd:
                x = self._winograd[conv.name](x, pool=pool_at_once)
            else:
                x = F.conv2d(x, self._kernels[conv.name], self._biases[conv.name], padding=1)
                # In place is exact: a convolution's backward pass needs its input and kernel, never its output.
                x = F.relu_(x)
            if conv.name in wanted:
                found[conv.name] = x.to(rgb.dtype) if self._shrink == 1 else x.to(rgb.dtype) / self._shrink
            if ends_block and not pool_at_once:
                x = F.max_pool2d(x, 2) if self.pooling == "max" else F.avg_pool2d(x, 2)
        return {name: found[layer] for name, layer in canonical.items()}
