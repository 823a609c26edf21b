"""File → picture: upright, sRGB, in the depth it has; what cannot be read is said in one line."""

from __future__ import annotations

import difflib
import os
import stat
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.files import expanded
from impasto.images.decode import decode, guarded
from impasto.images.picture import Picture
from impasto.images.pillow import from_pillow
from impasto.images.raster import Raster, TooManyPixels, Undecodable, from_array, kept_in, to_npy

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | np.ndarray | Tensor


def read(source: Source, *, role: str = "picture", name: str | None = None, max_pixels: int = 268_435_456) -> Picture:
    """Reads a picture from wherever it is.

    `source`: a path; a file's bytes; a PIL image; an array [H, W] or [H, W, 1..4], uint8, uint16 or
    float in 0..1; a float tensor [3, H, W] or [1, 3, H, W] in 0..1.
    `role` (content, style) stands in error messages; `name` replaces the file's stem.
    Raises UnreadableImage, or ImageTooLarge before anything is decoded.
    """
    path = _path(source)
    label = f"{role} {path}" if path is not None else role if name is None else f"{role} {name}"
    try:
        if path is not None:
            encoded = _contents(path, label)
            raster = decode(encoded, max_pixels=max_pixels)
        elif isinstance(source, bytes | bytearray | memoryview):
            encoded = bytes(source)
            raster = _decode_given(encoded, max_pixels)
        else:
            raster = _from_memory(source, max_pixels)
            encoded = to_npy(raster)
            # Of the bytes kept: they are ours alone, and one copy is enough.
            raster = kept_in(encoded)
        stem = name if name is not None else path.stem if path is not None else "picture"
        return Picture(raster.pixels, raster.dpi, stem, encoded)
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
    if not isinstance(source, str | os.PathLike):
        return None
    return expanded(os.fsdecode(source))


def _decode_given(encoded: bytes, max_pixels: int) -> Raster:
    if len(encoded) == 0:
        raise Undecodable("no bytes were given; read the file again")
    return decode(encoded, max_pixels=max_pixels)


def _contents(path: Path, label: str) -> bytes:
    """The file's bytes; raises UnreadableImage."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            problem = "is a folder; name a picture in it"
        elif not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            problem = "is a device, not a file; name a picture file"
        else:
            data = path.read_bytes()
            if len(data) > 0:
                return data
            problem = "is empty (0 bytes); copy or download it again"
    except (FileNotFoundError, NotADirectoryError):
        problem = f"does not exist; {_hint(path)}"
    except PermissionError:
        problem = "may not be read by you; change its permissions, or copy it"
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}; check its path"
    raise UnreadableImage(f"{label} {problem}", path=path)


def _hint(path: Path) -> str:
    if str(path).startswith(("http:", "https:")):
        return "addresses are not fetched: download it first, and give the file's path"
    try:
        near = difflib.get_close_matches(path.name, [file.name for file in path.parent.iterdir()], n=1)
    except OSError:
        return f"neither does its folder {path.parent}; check the path"
    return f"did you mean {path.parent / near[0]}?" if near else "check the path"


def _from_memory(source: object, max_pixels: int) -> Raster:
    with guarded(max_pixels=max_pixels):
        if isinstance(source, Image.Image):
            return Raster(from_pillow(source, max_pixels=max_pixels).pixels)
        if isinstance(source, Tensor):
            return from_array(_channels_last(source), max_pixels=max_pixels)
        if isinstance(source, np.ndarray):
            return from_array(source, max_pixels=max_pixels)
        raise Undecodable(f"expected a path, bytes, a PIL image, an array or a tensor, got {type(source).__name__}")


def _channels_last(tensor: Tensor) -> np.ndarray:
    image = tensor[0] if tensor.ndim == 4 and tensor.shape[0] == 1 else tensor
    if image.ndim != 3 or image.shape[0] != 3 or not image.is_floating_point():
        raise Undecodable(f"expected a float tensor [3, H, W] or [1, 3, H, W] in 0..1, got {tensor.dtype} {list(tensor.shape)}")
    return image.detach().to("cpu", torch.float32).permute(1, 2, 0).numpy()
