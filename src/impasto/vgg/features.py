"""The frozen network: sRGB pixels in, activations after the ReLU out.

The only place that knows a network's input convention (channel order, range, mean, std).  It comes with the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import ImageTooSmall
from impasto.native import library
from impasto.torch_modes import exact_arithmetic, exact_convolutions, own_torch_modes
from impasto.vgg import bfloat16, winograd
from impasto.vgg.architecture import Architecture
from impasto.vgg.onednn import leave_out_where_it_fails
from impasto.vgg.opening import Opening
from impasto.vgg.weights import Weights

See = Callable[[str, slice, Tensor], None]
"""Gets a layer, rows of it, and their features [1, C, rows, W], which are its own only until it returns."""


class Vgg:
    """A frozen VGG whose features are differentiable in the pixels.

    `pooling`: max as trained, or average, which the 2015 paper found to look better.
    """

    @own_torch_modes()
    def __init__(
        self,
        weights: Weights,
        *,
        pooling: Literal["max", "average"] = "max",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        tf32: bool = False,
    ) -> None:
        leave_out_where_it_fails()
        self.architecture: Architecture = weights.architecture
        self.weights = weights
        self.pooling = pooling
        self.device = torch.device(device)
        self.dtype = dtype
        self.tf32 = tf32
        # float16 ends at 65,504, and activations reach 20,000 on photographs.  ReLU, pooling and convolution (its bias shrunk
        # alike) pass a factor on, so all of them can be smaller by a power of two, exactly, and are made large again at the end.
        self._shrink = 1 / 16 if dtype == torch.float16 else 1.0
        self.imitates = dtype == torch.bfloat16 and not bfloat16.in_hardware(self.device)
        """True where the network rounds to bfloat16 but multiplies in float32, for devices without products in bfloat16."""

        multiplied = torch.float32 if self.imitates else dtype
        self._kernels: dict[str, Tensor] = {}
        self._biases: dict[str, Tensor] = {}
        self._winograd: dict[str, winograd.Winograd] = {}
        self._opening: Opening | None = None
        convention = weights.convention
        reverse = convention.channels == "BGR"
        order = [2, 1, 0] if reverse else [0, 1, 2]
        first = self.architecture.layers[0]
        for conv in self.architecture.convs:
            kernel = weights.tensors[f"{conv.name}.weight"].detach().to(self.device, dtype).to(multiplied)
            bias = (self._shrink * weights.tensors[f"{conv.name}.bias"].detach()).to(self.device, dtype).to(multiplied)
            if conv.name == first and reverse:
                kernel = kernel.flip(1)  # so that RGB need not be reordered at each step; exact
            if self.device.type == "cpu" and multiplied == torch.float32 and winograd.fits(conv.channels_in, conv.channels_out):
                self._winograd[conv.name] = winograd.Winograd(kernel, bias)
            else:
                self._kernels[conv.name] = kernel.contiguous(memory_format=torch.channels_last)
                self._biases[conv.name] = bias

        def rgb(values: tuple[float, float, float], unit: float) -> Tensor:
            return torch.tensor([values[i] / unit for i in order], dtype=torch.float32, device=self.device).view(1, 3, 1, 1)

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
        """The arithmetic in words: results are equal to the last bit only with the same."""
        own = library() if self.device.type == "cpu" else None
        precision = f"{self.precision} imitated in float32" if self.imitates else self.precision
        if own is None:
            return f"{precision}, convolutions of PyTorch"
        return f"{precision}, {'own convolutions' if self.own_convolutions else 'own products'} ({own.name})"

    def pending_bytes(self, layers: Iterable[str]) -> int:
        """Memory that the network itself will take more than now, on the way to some layers and back."""
        path = self.path(layers)
        names = self.architecture.layers[: self.architecture.index(path[-1]) + 1] if path else ()
        return sum(self._winograd[name].pending_bytes for name in names if name in self._winograd)

    def exactly(self) -> AbstractContextManager[None]:
        """Return a context for a pass forward and back: no choice of algorithm by the clock, and TF32 only where asked for."""
        return exact_convolutions(self.device, tf32=self.tf32)

    @property
    def number_bytes(self) -> int:
        """Bytes of a number on its way through the network: its own, and those of float32 beside it where that multiplies."""
        return self.dtype.itemsize + (torch.float32.itemsize if self.imitates else 0)

    @exact_arithmetic()
    def features(self, rgb: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Activations after the ReLU of the named layers.

        `rgb`: [B, 3, H, W], sRGB-encoded, 0..1.  Returns {layer: [B, C, ⌊H/stride⌋, ⌊W/stride⌋]}, keys as they were asked for;
        the network stops at the deepest layer; they have the dtype of rgb, whatever dtype the network computes in.  Raises
        UnknownName for a layer that does not exist, ValueError for another shape or dtype, ImageTooSmall when a layer would be
        empty.
        """
        canonical = {name: self.architecture.layer(name) for name in layers}
        found: dict[str, Tensor] = {}
        path = self.path(canonical.values())
        x = self.entrance(rgb, path)
        for after, layer in zip((None, *path), path, strict=False):
            x = self.stretch(x, after, layer)
            found[layer] = self.shown(x, rgb.dtype)
        return {name: found[layer] for name, layer in canonical.items()}

    @own_torch_modes()
    def show(self, rgb: Tensor, layers: Iterable[str], see: See) -> None:
        """The same features without a gradient, handed to `see` layer by layer, shallow to deep, and let go again.

        `see` gets the layer's canonical name, some rows of it, and their features [1, C, rows, W]; every row comes once, in
        order.  rgb: [1, 3, H, W].
        """
        path = self.path(layers)
        x, after = self.entrance(rgb, path), None
        opening = self.opening(path)
        if opening is not None:
            first, after = self.architecture.layers[:2]
            x, _ = opening.forward(
                x, lambda rows, features: see(first, rows, self.shown(features, rgb.dtype)) if first in path else None
            )
            path = tuple(layer for layer in path if layer != first)
        for at, layer in enumerate(path):
            x = self.stretch(x, after, layer, pooled=opening is not None and at == 0)
            see(layer, slice(0, x.shape[2]), self.shown(x, rgb.dtype))
            after = layer

    # The network in pieces, for evaluators that go back through it layer by layer.

    def path(self, layers: Iterable[str]) -> tuple[str, ...]:
        """The canonical names of some layers, shallow to deep, each once.  Raises UnknownName for one that does not exist."""
        return tuple(sorted({self.architecture.layer(name) for name in layers}, key=self.architecture.index))

    def entrance(self, rgb: Tensor, path: Sequence[str]) -> Tensor:
        """What the first convolution gets, [B, 3, H, W], on the way through the layers of a path; raises what `features` does."""
        if rgb.ndim != 4 or rgb.shape[1] != 3 or not rgb.is_floating_point():
            raise ValueError(f"expected a float tensor [B, 3, H, W] in 0..1, got {rgb.dtype} {list(rgb.shape)}")
        if path and min(rgb.shape[2:]) < self.architecture.stride(path[-1]):
            least, (height, width) = self.architecture.stride(path[-1]), rgb.shape[2:]
            raise ImageTooSmall(
                f"{path[-1]} needs at least {least} px a side, the picture has {width}x{height}; enlarge it or use shallower ones"
            )
        return ((rgb - self.mean_rgb) * self._gain).to(self.dtype, memory_format=torch.channels_last)

    def entrance_slope(self, gradient: Tensor, dtype: torch.dtype, unit: Tensor | None = None) -> Tensor:
        """A gradient at what `entrance` gave, where given in units of `unit`, as one at rgb, of rgb's dtype."""
        slope = torch.empty(gradient.shape, dtype=dtype, device=gradient.device)
        return torch.mul(gradient.to(dtype), self._gain if unit is None else self._gain * unit, out=slope)

    def opening(self, path: Sequence[str]) -> Opening | None:
        """Return the first block in bands of rows; None where its last output is wanted, or it is not on our kernels."""
        if self.architecture.depths[0] != 2 or self.pooling != "max" or self.imitates or not path:
            return None
        first, second = self.architecture.convs[:2]
        if self.architecture.index(path[-1]) < 2 or second.name in path or second.name not in self._winograd:
            return None
        if self._opening is None:
            kernel = self._kernels[first.name]
            self._opening = Opening(kernel, self._biases[first.name], self._winograd[second.name])
        return self._opening

    def stretch(self, x: Tensor, after: str | None, to: str, *, pooled: bool = False) -> Tensor:
        """Pass from the output of one convolution, or from the entrance, to that of a later one; in the network's dtype.

        pooled: x is the output after the pooling that follows.
        """
        convs = self.architecture.convs
        first, last = 0 if after is None else self.architecture.index(after) + 1, self.architecture.index(to)
        pool = not pooled and first > 0 and convs[first].stride != convs[first - 1].stride
        for at in range(first, last + 1):
            if pool:
                x = F.max_pool2d(x, 2) if self.pooling == "max" else F.avg_pool2d(x, 2)
            conv = convs[at]
            pool = at < last and convs[at + 1].stride != conv.stride
            if conv.name in self._winograd:
                # Pooling at once spares the largest activations; nobody sees them inside a stretch.
                pool_at_once = pool and self.pooling == "max"
                x = self._rounded(self._winograd[conv.name](self._multiplied(x), pool=pool_at_once))
                pool = pool and not pool_at_once
            else:
                # In place is exact: a convolution's backward pass needs its input and kernel, never its output.
                own = F.conv2d(self._multiplied(x), self._kernels[conv.name], self._biases[conv.name], padding=1)
                x = F.relu_(self._rounded(own))
        return x

    def _multiplied(self, x: Tensor) -> Tensor:
        """Return the input of a convolution in the dtype that it multiplies."""
        return x.float() if self.imitates else x

    def _rounded(self, x: Tensor) -> Tensor:
        """Return the output of a convolution in the network's dtype."""
        return x.to(self.dtype) if self.imitates else x

    def shown(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """A stretch's output as `features` gives it: in the dtype of the pixels."""
        return x.to(dtype) if self._shrink == 1 else x.to(dtype) / self._shrink

    def unshown(self, gradient: Tensor, unit: Tensor | None = None) -> Tensor:
        """A gradient at what `shown` gave as one at the stretch's output, in the network's dtype and in units of `unit`."""
        gradient = gradient / self._shrink if unit is None else gradient / (self._shrink * unit)
        return gradient.to(self.dtype, memory_format=torch.channels_last)
