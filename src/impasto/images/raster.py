"""A decoded picture before it becomes a tensor, and its exact form as bytes: NumPy's .npy."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

NPY_MAGIC: Final = b"\x93NUMPY"
_ROUNDING: Final = 1e-5
"""Floats may leave 0..1 by this much, as arithmetic in float32 does; they are clamped."""


@dataclass(frozen=True)
class Raster:
    """A decoded picture, upright and sRGB-encoded.

    `pixels`: [H, W, C], uint8, uint16, or float32 in 0..1.
    C: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
    """

    pixels: np.ndarray
    dpi: tuple[float, float] | None = None


class Undecodable(Exception):
    """The decoders' own error, with what is wrong and what to do; `read` adds which picture it is."""


class TooManyPixels(Exception):
    """The decoders' own error for a picture over the limit, with its size in words."""


def check_size(width: int, height: int, *, max_pixels: int) -> None:
    """Raise TooManyPixels for a picture over the limit, Undecodable for an empty one."""
    if width < 1 or height < 1:
        raise Undecodable(f"its size is {width}x{height} px, so nothing is in it; choose another")
    if width * height > max_pixels:
        raise TooManyPixels(f"{width}x{height} = {width * height:,} pixels")


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return stored pixels [H, W, C] upright, for EXIF orientations 1..8; unknown ones mean 1."""
    return np.ascontiguousarray(_turned_view(pixels, orientation))


def to_be_turned(height: int, width: int, channels: int, *, orientation: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an empty upright uint8 picture, and a view of it, [height, width, channels], to be filled as pixels are stored."""
    upright = np.empty((width, height, channels) if orientation in {5, 6, 7, 8} else (height, width, channels), np.uint8)
    # Turning by 90° is undone by turning by 270°; all others undo themselves.
    return upright, _turned_view(upright, {6: 8, 8: 6}.get(orientation, orientation))


def _turned_view(pixels: np.ndarray, orientation: int) -> np.ndarray:
    match orientation:
        case 2:
            pixels = pixels[:, ::-1]
        case 3:
            pixels = pixels[::-1, ::-1]
        case 4:
            pixels = pixels[::-1]
        case 5:
            pixels = pixels.swapaxes(0, 1)
        case 6:
            pixels = pixels.swapaxes(0, 1)[:, ::-1]
        case 7:
            pixels = pixels.swapaxes(0, 1)[::-1, ::-1]
        case 8:
            pixels = pixels.swapaxes(0, 1)[::-1]
    return pixels


def usable_dpi(x: object, y: object) -> tuple[float, float] | None:
    """Return a resolution as floats, None where it makes no sense: EXIF holds rationals, with 0/0 among them."""
    try:
        dpi = float(x), float(y)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return dpi if all(math.isfinite(value) and 0 < value < 1e6 for value in dpi) else None


def from_array(array: np.ndarray, *, max_pixels: int) -> Raster:
    """Return the raster of numbers in memory.

    Args:
        array: [H, W] or [H, W, 1 to 4]: uint8, uint16, floats in 0..1 of any width, bool (True is white), or whole numbers
            of another type in 0..255, which are taken as 8 bits; of any byte order and any layout in memory.
        max_pixels: The largest number of pixels.

    Raises:
        Undecodable: It is none of these.
        TooManyPixels: It has more than max_pixels.
    """
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in {1, 2, 3, 4}:
        raise Undecodable(f"expected an array [H, W] or [H, W, 1 to 4 channels], got shape {array.shape}; move its axes")
    check_size(array.shape[1], array.shape[0], max_pixels=max_pixels)
    native = array.dtype.newbyteorder("=")
    if native in (np.uint8, np.uint16):
        return Raster(np.ascontiguousarray(array, dtype=native))
    if array.dtype.kind == "b":
        return Raster(array.astype(np.uint8) * np.uint8(255))
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 255:
            raise Undecodable(f"expected {array.dtype} numbers in 0..255, got {low}..{high}; convert them to uint8 or uint16")
        return Raster(array.astype(np.uint8))
    if array.dtype.kind != "f":
        raise Undecodable(f"expected uint8, uint16, bool, or float in 0..1, got {array.dtype}; convert it to one of them")
    return Raster(unit_floats(array))


def unit_floats(array: np.ndarray, *, clip: bool = False) -> np.ndarray:
    """Return any float array as float32 in 0..1.

    Args:
        array: Floats of any width.
        clip: Take what leaves 0..1 as its nearest end, as a file of high dynamic range means it; infinities too.

    Raises:
        Undecodable: A value is NaN, or lies outside 0..1; with `clip`, only where that are most of them.
    """
    low, high = float(array.min()), float(array.max())
    if math.isnan(low) or math.isnan(high):
        raise Undecodable("it holds NaN (not a number); every value must lie in 0..1")
    beyond = low < -_ROUNDING or high > 1 + _ROUNDING
    if beyond and (not clip or np.count_nonzero((array < 0) | (array > 1)) * 2 > array.size):
        raise Undecodable(f"expected floats in 0..1, got {low:.6g}..{high:.6g}; divide them by their full scale")
    plain = np.ascontiguousarray(array, dtype=np.float32)
    return plain.clip(0, 1) if low < 0 or high > 1 else plain


def to_npy(raster: Raster) -> bytes:
    """Return the pixels as the bytes of a .npy file; `from_npy` gives the same pixels."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(raster.pixels))
    # At once: a file in memory that grows as it is written has up to twice its size.
    return b"".join((header.getvalue(), np.ascontiguousarray(raster.pixels).data))


def kept_in(data: bytes) -> Raster:
    """Return the picture in bytes that `to_npy` made, as a view into them."""
    shape, dtype, start = _header(data)
    return Raster(np.frombuffer(data, dtype, offset=start).reshape(shape))


def from_npy(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a .npy file.  Raises Undecodable, ValueError, and the errors of `from_array`."""
    shape, dtype, start = _header(data)
    # The header is checked before any memory is taken: it may claim anything.
    if dtype.hasobject or len(data) - start != math.prod(shape) * dtype.itemsize:
        raise Undecodable(f"its header promises {shape} of {dtype}, and the rest of the file is not that; write it again")
    return from_array(np.load(io.BytesIO(data), allow_pickle=False), max_pixels=max_pixels)


def _header(data: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape and type of the numbers, and the place of the first."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    return shape, dtype, file.tell()
