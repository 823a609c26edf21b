"""HEIC and AVIF: pictures in boxes of ISO's base media format (ISO/IEC 14496-12, 23008-12).

The container says how a picture is turned, and decoders do it; EXIF only repeats that.  Where a decoder stops at EXIF or XMP,
it gets the same file in which such items have another type, so that it does not look at them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image

from impasto.images.colors.color_space import color_space_of
from impasto.images.colors.containers.bmff import bits_per_channel
from impasto.images.formats.exif import Exif, exif_of_image
from impasto.images.formats.pillow import from_pillow
from impasto.images.formats.samples import full_scale, raster_of
from impasto.images.raster import Raster, TooManyPixels, Undecodable, check_size

_METADATA: Final = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))(?:Exif|mime)", re.DOTALL)
"""An item's entry up to its type: version, flags, number of 2 or 4 bytes, protection."""

_Decode = Callable[[bytes, bytes, int], Raster]
"""Decodes the first bytes with the colours that the second say, up to so many pixels."""


def from_heif(data: bytes, *, max_pixels: int) -> Raster:
    """Return the primary picture of a HEIC file.  Raises TooManyPixels, and what the decoder raises."""
    return _read(_heif, data, max_pixels)


def from_avif(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture of an AVIF file, the first of a sequence.  Raises TooManyPixels, and what the decoder raises."""
    return _read(_avif, data, max_pixels)


def _read(decode: _Decode, data: bytes, max_pixels: int) -> Raster:
    try:
        return decode(data, data, max_pixels)
    except (TooManyPixels, Undecodable, MemoryError):
        raise
    except Exception:  # the decoders raise anything
        plain = _METADATA.sub(rb"\1skip", data)
        if plain == data:
            raise
        return decode(plain, data, max_pixels)


def _heif(decoded: bytes, data: bytes, max_pixels: int) -> Raster:
    import pillow_heif

    heif = pillow_heif.open_heif(io.BytesIO(decoded), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    check_size(*heif.size, max_pixels=max_pixels)
    bits, space = int(heif.info.get("bit_depth", 8)), color_space_of(data, "HEIF")
    if bits == 8:
        return from_pillow(heif.to_pillow(), max_pixels=max_pixels, space=space)
    return raster_of(full_scale(np.asarray(heif), bits), space, exif=Exif())


def _avif(decoded: bytes, data: bytes, max_pixels: int) -> Raster:
    space, bits = color_space_of(data, "AVIF"), bits_per_channel(data)
    with Image.open(io.BytesIO(decoded), formats=["AVIF"]) as image:
        if bits is None or bits <= 8:
            return from_pillow(image, max_pixels=max_pixels, space=space)
        check_size(image.width, image.height, max_pixels=max_pixels)
        exif = exif_of_image(image)
    import imagecodecs

    # Pillow keeps 8 bits of 10 or 12, too few for the wide range of PQ.
    return raster_of(full_scale(imagecodecs.avif_decode(decoded, index=0), bits), space, exif=exif)
