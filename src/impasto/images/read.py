"""File → picture: upright, sRGB, in the depth it has; what cannot be read is said in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.files import expanded
from impasto.images.bands import bands
from impasto.images.decode import decode, guarded
from impasto.images.formats.pillow import from_pillow
from impasto.images.picture import Picture
from impasto.images.raster import Raster, TooManyPixels, Undecodable, from_array, kept_in, to_npy
from impasto.images.sources import STANDARD_INPUT, in_file, in_open_file, in_standard_input, name_of
from impasto.storage.listing import on_disk
from impasto.storage.text import shown

_ROLES_SEEN: Final = {"content", "style"}
"""Roles whose colours are looked at, so that something must be visible."""


class Readable(Protocol):
    """An open file: `open(…, "rb")`, a BytesIO, an upload."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


Source = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Image.Image | np.ndarray | Tensor


def read(source: Source, *, role: str = "picture", name: str | None = None, max_pixels: int = 268_435_456) -> Picture:
    """Return a picture from wherever it is.

    Args:
        source: A path, or `-` for the standard input; a file's bytes; an open file; a PIL image; an array [H, W] or
            [H, W, 1 to 4 channels]; a tensor [H, W], [1 to 4 channels, H, W] or [1, 1 to 4 channels, H, W].  Numbers are
            uint8, uint16, bool, floats in 0..1, or other whole numbers in 0..255; two and four channels end with alpha.
        role: What it is (content, style, mask), for error messages.
        name: The picture's name, instead of the file's stem.
        max_pixels: The largest number of pixels.

    Raises:
        UnreadableImage: There is no such file, or it is no picture; of a content or style, also where nothing is visible.
        ImageTooLarge: It has more than max_pixels; nothing was decoded then.
    """
    path = _path(source)
    label = _label(source, path, role, name)
    try:
        if isinstance(source, str) and source == STANDARD_INPUT:
            encoded, stem = in_standard_input(label, max_pixels=max_pixels), "stdin"
            raster = decode(encoded, max_pixels=max_pixels)
        elif path is not None:
            encoded, stem = in_file(path, label, max_pixels=max_pixels), path.stem
            raster = decode(encoded, max_pixels=max_pixels)
        elif isinstance(source, bytes | bytearray | memoryview):
            encoded, stem = bytes(source), "picture"
            raster = _decode_given(encoded, max_pixels)
        elif _is_open_file(source):
            encoded, stem = in_open_file(source, label, max_pixels=max_pixels), name_of(source) or "picture"
            raster = decode(encoded, max_pixels=max_pixels)
        else:
            raster = _from_memory(source, max_pixels)
            # Of the bytes kept: they are ours alone, and one copy is enough.
            encoded, stem = to_npy(raster), "picture"
            raster = kept_in(encoded)
        if role in _ROLES_SEEN:
            _check_visible(raster.pixels)
        return Picture(raster.pixels, raster.dpi, name if name is not None else stem, encoded)
    except TooManyPixels as error:
        raise ImageTooLarge(
            f"{label} has {error}, the limit is {max_pixels:,}; shrink it, or raise the limit with --max-pixels",
            role=role,
            max_pixels=max_pixels,
        ) from None
    except Undecodable as error:
        raise UnreadableImage(f"{label} cannot be read: {error}", role=role, path=path) from None
    except MemoryError:
        raise ImageTooLarge(f"{label} needs more memory than there is; shrink it", role=role) from None


def _path(source: object) -> Path | None:
    """The path as the disk spells it, None for what is no path."""
    if not isinstance(source, str | os.PathLike) or source == STANDARD_INPUT:
        return None
    return on_disk(expanded(os.fsdecode(source)))


def _label(source: object, path: Path | None, role: str, name: str | None) -> str:
    if path is not None:
        return f"{role} {shown(path)}"
    if isinstance(source, str) and source == STANDARD_INPUT:
        return f"{role} from the standard input"
    return role if name is None else f"{role} {shown(name)}"


def _is_open_file(source: object) -> bool:
    return not isinstance(source, Image.Image | np.ndarray | Tensor) and callable(getattr(source, "read", None))


def _check_visible(pixels: np.ndarray) -> None:
    """Raise Undecodable for a picture whose alpha is 0 everywhere, to 8 bits: nothing of it can be seen."""
    if pixels.shape[2] in {2, 4}:
        full = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(pixels.dtype, 1)
        if all(float(pixels[rows, :, -1].max()) * 510 < full for rows in bands(*pixels.shape[:2])):
            raise Undecodable("it is wholly transparent, so nothing of it is seen; remove its alpha channel, or choose another")


def _decode_given(encoded: bytes, max_pixels: int) -> Raster:
    if len(encoded) == 0:
        raise Undecodable("no bytes were given; read the file again")
    return decode(encoded, max_pixels=max_pixels)


def _from_memory(source: object, max_pixels: int) -> Raster:
    with guarded(max_pixels=max_pixels):
        if isinstance(source, Image.Image):
            return Raster(from_pillow(source, max_pixels=max_pixels).pixels)
        if isinstance(source, Tensor):
            return from_array(_channels_last(source), max_pixels=max_pixels)
        if isinstance(source, np.ndarray):
            return from_array(source, max_pixels=max_pixels)
        if hasattr(source, "__array__"):
            return from_array(np.asarray(source), max_pixels=max_pixels)
        raise Undecodable(f"expected a path, bytes, an open file, a PIL image, an array or a tensor, got {type(source).__name__}")


def _channels_last(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor [H, W], [C, H, W] or [1, C, H, W] as an array [H, W, C]."""
    image = tensor[0] if tensor.ndim == 4 and tensor.shape[0] == 1 else tensor
    image = image[None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[0] not in {1, 2, 3, 4}:
        raise Undecodable(
            f"expected a tensor [1 to 4 channels, H, W], got {list(tensor.shape)}; give one picture, its axes in this order"
        )
    if image.layout != torch.strided or image.is_meta or image.is_quantized:
        raise Undecodable("expected a tensor that holds its numbers one by one; make it dense first")
    on_cpu = image.detach().to("cpu")
    plain = on_cpu.to(torch.float32) if on_cpu.is_floating_point() else on_cpu
    return plain.permute(1, 2, 0).numpy(force=True)
