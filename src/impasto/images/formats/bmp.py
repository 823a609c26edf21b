"""BMP (Microsoft, wingdi.h): pixels of 16 and 32 bits with masks for their channels by NumPy, all others by Pillow.

Pillow knows a few masks only, and passes over alpha in 16 bits.  A picture whose alpha is 0 everywhere is opaque: programs
leave that byte empty.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
from PIL import Image

from impasto.images.bands import bands
from impasto.images.colors.color_space import color_space_of
from impasto.images.formats.exif import Exif
from impasto.images.formats.pillow import from_pillow
from impasto.images.formats.samples import raster_of
from impasto.images.raster import Raster, Undecodable, check_size, usable_dpi

_HEADER: Final = 14
_INFO_BYTES: Final = 40
_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_METRES_PER_INCH: Final = 0.0254


def from_bmp(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a BMP.

    Raises:
        TooManyPixels: From the header, before anything is decoded.
        Undecodable: Its pixels are incomplete, or its masks are none.
        Exception: Whatever Pillow raises on damaged files.
    """
    info_bytes = int.from_bytes(data[_HEADER : _HEADER + 4], "little")
    if info_bytes >= _INFO_BYTES and len(data) >= _HEADER + _INFO_BYTES:
        bits, compression = struct.unpack_from("<HI", data, _HEADER + 14)
        if bits in {16, 32} and compression in {_BITFIELDS, _ALPHA_BITFIELDS}:
            return _masked(data, info_bytes, max_pixels=max_pixels)
    with Image.open(io.BytesIO(data), formats=["BMP"]) as image:
        return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, "BMP"))


def _masked(data: bytes, info_bytes: int, *, max_pixels: int) -> Raster:
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, _HEADER + 4)
    across, down = struct.unpack_from("<ii", data, _HEADER + 24)
    check_size(width, abs(height), max_pixels=max_pixels)
    # The masks are a part of the header's later versions, and follow the first one.
    with_alpha = info_bytes >= 56 or compression == _ALPHA_BITFIELDS
    masks = [int(mask) for mask in struct.unpack_from("<4I" if with_alpha else "<3I", data, _HEADER + _INFO_BYTES)]
    stored = _stored(data, width, abs(height), bits)
    pixels = _channels(stored if height < 0 else stored[::-1], masks if masks[-1] != 0 else masks[:3])
    if pixels.shape[2] == 4 and not pixels[..., 3].any():
        pixels = np.ascontiguousarray(pixels[..., :3])
    dpi = usable_dpi(across * _METRES_PER_INCH, down * _METRES_PER_INCH)
    return raster_of(pixels, color_space_of(data, "BMP"), exif=Exif(dpi=dpi))


def _stored(data: bytes, width: int, height: int, bits: int) -> np.ndarray:
    """The numbers [height, width] as they lie in the file; each row is a multiple of four bytes."""
    start = int.from_bytes(data[10:14], "little")
    row_bytes = (width * bits + 31) // 32 * 4
    if start + row_bytes * (height - 1) + width * bits // 8 > len(data):
        raise Undecodable("damaged or incomplete (its pixels end early); copy or download it again")
    return np.ndarray((height, width), f"<u{bits // 8}", data, offset=start, strides=(row_bytes, bits // 8))


def _channels(stored: np.ndarray, masks: list[int]) -> np.ndarray:
    """[H, W] numbers → [H, W, one channel per mask], uint8, or uint16 where a channel has more than 8 bits."""
    shifts = [(mask & -mask).bit_length() - 1 if mask != 0 else 0 for mask in masks]
    tops = [mask >> shift for mask, shift in zip(masks, shifts, strict=True)]
    if any(top & (top + 1) != 0 for top in tops):
        raise Undecodable("a channel whose bits are not side by side is not supported; save it again as PNG")
    full = 65535 if max(tops) > 255 else 255
    pixels = np.zeros((*stored.shape, len(masks)), np.uint16 if full == 65535 else np.uint8)
    for rows in bands(*stored.shape):
        for channel, (shift, top) in enumerate(zip(shifts, tops, strict=True)):
            if top > 0:
                numbers = (stored[rows] >> shift) & top
                pixels[rows, :, channel] = (numbers * (full / top) + 0.5).astype(pixels.dtype)
    return pixels
