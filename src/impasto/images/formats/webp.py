"""WebP: a RIFF file whose chunks of pixels go to the decoder alone where it stops at the others (RFC 9649)."""

from __future__ import annotations

import io
import struct
from typing import Final

from PIL import Image

from impasto.images.colors.color_space import color_space_of
from impasto.images.colors.containers.webp import chunks_of
from impasto.images.formats.pillow import from_pillow
from impasto.images.raster import Raster, TooManyPixels, Undecodable

_PIXELS: Final = {b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}
_OF_PIXELS: Final = 0b00010010
"""The flags of VP8X that speak of alpha and of frames; the others announce a profile, EXIF and XMP."""


def from_webp(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a WebP file, the first frame of several.  Raises TooManyPixels, and what Pillow raises."""
    try:
        return _by_pillow(data, data, max_pixels)
    except (TooManyPixels, Undecodable, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:  # Pillow raises anything on what it does not understand
        return _by_pillow(pixels_only(data), data, max_pixels)


def _by_pillow(decoded: bytes, data: bytes, max_pixels: int) -> Raster:
    with Image.open(io.BytesIO(decoded), formats=["WEBP"]) as image:
        return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, "WEBP"))


def pixels_only(data: bytes) -> bytes:
    """Return the WebP of its chunks of pixels, as far as they are whole."""
    parts: list[bytes] = []
    for name, contents in chunks_of(data):
        body = bytes([contents[0] & _OF_PIXELS]) + contents[1:] if name == b"VP8X" and len(contents) == 10 else contents
        if name in _PIXELS or name == b"VP8X":
            parts.append(struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2))
    inside = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside
