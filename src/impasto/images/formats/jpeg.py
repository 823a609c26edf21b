"""JPEG: by Pillow, without what programs added where Pillow stops at that; rarer kinds by imagecodecs.

Tables, the frame and its scans make the pixels; APPn and COM hold what programs add.  Pillow reads EXIF, profiles and
further pictures of a camera while it opens a file, and stops at some that are broken: then it gets the pixels' segments alone.
"""

from __future__ import annotations

import io
import struct
from typing import Final

from PIL import Image

from impasto.images.colors.color_space import color_space_of
from impasto.images.colors.containers.jpeg import Frame, frame_of, segments
from impasto.images.formats.exif import exif_in
from impasto.images.formats.jpeg_completeness import END, is_whole_without_end, lacks_pixels, lacks_wide_pixels
from impasto.images.formats.pillow import from_pillow
from impasto.images.formats.samples import full_scale, raster_of
from impasto.images.raster import Raster, TooManyPixels, Undecodable, check_size

_BY_NOBODY: Final = {"hierarchical", "lossless arithmetic-coded", "near-lossless"}

_JFIF: Final = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"


def from_jpeg(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a JPEG; the first one where a camera stored several.  Raises what Pillow raises, too."""
    frame = frame_of(data)
    if frame is not None:
        check_size(frame.width, frame.height, max_pixels=max_pixels)
        if frame.bits != 8 or frame.kind in _BY_NOBODY:
            return _uncommon(data, frame)
    try:
        return _by_pillow(data, data, frame, max_pixels=max_pixels)
    except (TooManyPixels, Undecodable, MemoryError):
        raise
    except Exception:  # Pillow raises anything on what it does not understand
        if frame is None:
            raise
        plain = pixels_only(data)
        ended = plain if plain.endswith(END) else plain.removesuffix(b"\xff") + END
        if ended != plain and not is_whole_without_end(ended, frame):
            raise
        return _by_pillow(ended, data, frame, max_pixels=max_pixels)


def _by_pillow(decoded: bytes, data: bytes, frame: Frame | None, *, max_pixels: int) -> Raster:
    exif = None if decoded is data else exif_in(_exif_block(data))
    with Image.open(io.BytesIO(decoded), formats=["JPEG"]) as image:
        check_size(image.width, image.height, max_pixels=max_pixels)
        # Before there is a raster, too: looking takes memory.
        if frame is not None and lacks_pixels(image, decoded, frame):
            raise Undecodable("damaged or incomplete (some of its pixels are missing); copy or download it again")
        return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, "JPEG"), exif=exif)


def pixels_only(data: bytes) -> bytes:
    """Return the JPEG without what programs add; the marks by which decoders know the colours of the components stay."""
    parts = [data[:2]]
    for marker, start, end in segments(data):
        body = data[start + 4 : end]
        if marker == 0xE0 and body.startswith(b"JFIF\0"):
            parts.append(_segment(marker, _JFIF))
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            parts.append(_segment(marker, body[:12]))
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            parts.append(data[start:end])
    return b"".join(parts)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _exif_block(data: bytes) -> bytes | None:
    for marker, start, end in segments(data):
        if marker == 0xE1 and data[start + 4 : start + 10] == b"Exif\0\0":
            return data[start + 4 : end]
    return None


def _uncommon(data: bytes, frame: Frame) -> Raster:
    """The picture of a kind that Pillow does not decode.  Raises Undecodable, with the kind, where nobody does."""
    import imagecodecs

    plain, count = pixels_only(data), len(frame.components)
    name = f"{frame.kind} JPEG with {frame.bits} bits and {count} channels"
    if frame.kind in _BY_NOBODY or count not in {1, 3}:
        raise Undecodable(f"{name} is not supported; save it again as TIFF or PNG")
    # Without its end marker, the decoder would fill what is missing with gray.
    samples = imagecodecs.jpeg_decode(plain) if plain.endswith(END) else None
    if samples is None or samples.shape[:2] != (frame.height, frame.width) or lacks_wide_pixels(samples, plain, frame):
        raise Undecodable(f"{name}: damaged or incomplete; copy or download it again")
    return raster_of(full_scale(samples, frame.bits), color_space_of(data, "JPEG"), exif=exif_in(_exif_block(data)))
