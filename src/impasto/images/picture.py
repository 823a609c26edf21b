"""A picture in memory: whole numbers as decoded, floats only where and at the size they are asked for.

In float32 a photograph takes four times the memory of its 8 bits, and a run looks at most of it only shrunk.

Where a pixel is wholly transparent its colour means nothing (editors leave black, white or noise there),
and the network would see it all the same.  Such pixels get the mean colour of the picture, weighted by alpha;
all other pixels keep theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from impasto.images.bands import bands
from impasto.images.resize import resize_bands


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, and the bytes it came from: `read(picture.encoded)` gives it again.

    `pixels`: [H, W, C], uint8, uint16, or float32 in 0..1, upright and sRGB-encoded, maybe read-only.
    C: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.  `dpi`: pixels per inch, across and down.
    """

    pixels: np.ndarray
    dpi: tuple[float, float] | None
    name: str
    encoded: bytes

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in px."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def bits(self) -> int:
        """8 or 16, the depth of the source; floats count as 16."""
        return 8 if self.pixels.dtype == np.uint8 else 16

    @property
    def rgb(self) -> Tensor:
        """The whole picture, float32 [3, H, W], sRGB-encoded, 0..1; made anew at each call, so for small pictures only."""
        whole = torch.empty(3, *self.size, dtype=torch.float32, device="cpu")
        for rows, color in zip(bands(*self.size), self._color(), strict=True):
            whole[:, rows] = color
        return whole

    @property
    def alpha(self) -> Tensor | None:
        """Opacity, float32 [H, W], 0..1; None where all is opaque; made anew at each call."""
        if not self._has_alpha:
            return None
        return torch.cat([band[0] for band in self._alpha()])

    def at(self, size: tuple[int, int]) -> Tensor:
        """Return `rgb` at another size, float32 [1, 3, *size], sRGB-encoded, 0..1, without ever holding it at its own."""
        if tuple(size) == self.size:
            return self.rgb[None]
        color = resize_bands(self._color(), self.size, size)
        return color.expand(3, -1, -1).contiguous()[None]

    def alpha_at(self, size: tuple[int, int]) -> Tensor | None:
        """Return `alpha` at another size, float32 [*size], 0..1; None where all is opaque."""
        if not self._has_alpha or tuple(size) == self.size:
            return self.alpha
        return resize_bands(self._alpha(), self.size, size)[0]

    @cached_property
    def sha256(self) -> str:
        """The hash of `encoded`."""
        return hashlib.sha256(self.encoded).hexdigest()

    @cached_property
    def pixels_sha256(self) -> str:
        """The hash of the pixels as a run sees them, which is equal for files that differ in metadata or in how they are packed.

        Gray counts as RGB, opaque alpha as none, 8 bits as the 16 that mean the same, and a wholly transparent pixel as black.
        """
        kind = "float32" if self.pixels.dtype.kind == "f" else "uint16"
        digest = hashlib.sha256(f"{self.size[0]} {self.size[1]} {kind} {'RGBA' if self._has_alpha else 'RGB'}".encode())
        for rows in bands(*self.size):
            digest.update(_canonical(self.pixels[rows], alpha=self._has_alpha).data)
        return digest.hexdigest()

    @cached_property
    def _has_alpha(self) -> bool:
        if self.pixels.shape[2] not in {2, 4}:
            return False
        opaque = _full(self.pixels)
        return any(bool((self.pixels[rows, :, -1] != opaque).any()) for rows in bands(*self.size))

    @cached_property
    def _unseen(self) -> Tensor:
        """The colour of wholly transparent pixels, [1 or 3, 1, 1]; middle gray if nothing is visible at all."""
        weighted, total = (torch.zeros((), dtype=torch.float64, device="cpu") for _ in range(2))
        for rows in bands(*self.size):
            band = _planes(self.pixels[rows])
            weighted = weighted + (band[:-1].double() * band[-1]).sum((1, 2))
            total += band[-1].double().sum()
        mean = weighted / total if total > 0 else torch.full_like(weighted, 0.5)
        return mean.float()[:, None, None]

    def _color(self) -> Iterator[Tensor]:
        """Gray [1, rows, W] or RGB [3, rows, W], a band at a time."""
        for rows in bands(*self.size):
            planes = _planes(self.pixels[rows])
            color = planes[:-1] if len(planes) in {2, 4} else planes
            yield torch.where(planes[-1] == 0, self._unseen, color) if self._has_alpha else color

    def _alpha(self) -> Iterator[Tensor]:
        """[1, rows, W], a band at a time."""
        for rows in bands(*self.size):
            yield _planes(self.pixels[rows, :, -1:])


def _full(pixels: np.ndarray) -> int:
    """The number that stands for 1."""
    return {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(pixels.dtype, 1)


def _canonical(pixels: np.ndarray, *, alpha: bool) -> np.ndarray:
    """[rows, W, C] → [rows, W, 3 or 4], little-endian uint16 or float32."""
    values = pixels.astype("<f4") if pixels.dtype.kind == "f" else pixels.astype("<u2")
    if pixels.dtype == np.uint8:
        values *= 257
    color = values[..., :3] if values.shape[2] > 2 else values[..., :1].repeat(3, axis=2)
    if alpha:
        opacity = values[..., -1:]
        color = np.concatenate([color * (opacity != 0), opacity], axis=2)
    return np.ascontiguousarray(color)


def _planes(pixels: np.ndarray) -> Tensor:
    """[rows, W, C] → float32 [C, rows, W], 0..1, in memory of its own."""
    height, width, channels = pixels.shape
    # PyTorch's memory, not NumPy's: its addresses are multiples of 64, and the last bit of MKL's sums depends on that.
    planes = torch.empty(channels, height, width, dtype=torch.float32, device="cpu")
    values = planes.numpy()
    values[...] = pixels.transpose(2, 0, 1)
    full = _full(pixels)
    if full != 1:
        values /= full
    return planes
