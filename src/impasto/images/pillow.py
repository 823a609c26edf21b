"""Pillow's images → rasters: every mode, alpha apart from colour, profile to sRGB, upright."""

from __future__ import annotations

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from impasto.images.bands import bands
from impasto.images.color import image_to_srgb
from impasto.images.color_space import ColorSpace, color_space_of_image
from impasto.images.raster import Raster, Undecodable, check_size, to_be_turned, turned, unit_floats, usable_dpi


def from_pillow(image: Image.Image, *, max_pixels: int, space: ColorSpace | None = None) -> Raster:
    """The first frame of an image, opened but not necessarily decoded.

    Without `space`, the image's colours are as its `info` states them.

    Raises TooManyPixels from the header, before decoding; Undecodable; what Pillow raises on damaged files.
    """
    check_size(image.width, image.height, max_pixels=max_pixels)
    image.load()
    # After decoding: PNG may hold EXIF behind its pixels; Pillow turns TIFF itself and clears the mark.
    exif = image.getexif()
    orientation = exif.get(Base.Orientation, 1)
    pixels = _deep(image)
    space = color_space_of_image(image) if space is None else space
    upright = _eight_bits(image, orientation, space) if pixels is None else turned(pixels, orientation)
    return Raster(upright, dpi_of(image, swapped=orientation in {5, 6, 7, 8}))


def dpi_of(image: Image.Image, *, swapped: bool = False) -> tuple[float, float] | None:
    """Pixels an inch, across and down, from the file's own field or else from EXIF; None if unknown."""
    exif = image.getexif()
    said = image.info.get("dpi")
    if isinstance(said, tuple) and len(said) == 2:
        dpi = usable_dpi(*said)
    else:
        dpi = usable_dpi(exif.get(Base.XResolution), exif.get(Base.YResolution))
        scale = {2: 1.0, 3: 2.54}.get(exif.get(Base.ResolutionUnit, 2))  # inch, centimetre; 1 means no unit
        dpi = None if dpi is None or scale is None else (dpi[0] * scale, dpi[1] * scale)
    return dpi if dpi is None or not swapped else (dpi[1], dpi[0])


def _deep(image: Image.Image) -> np.ndarray | None:
    """[H, W, 1], uint16 or float32, as stored, for the modes that hold more than 8 bits."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16, copy=False)[..., None]
    if image.mode == "I":
        return _sixteen_of_thirty_two(np.asarray(image))[..., None]
    if image.mode == "F":
        return unit_floats(np.asarray(image))[..., None]
    return None


def _eight_bits(image: Image.Image, orientation: int, space: ColorSpace) -> np.ndarray:
    """[H, W, C] uint8, upright.

    In bands: Pillow holds four bytes a pixel, and each step on the way from there would hold all of it once more.
    """
    rows = bands(image.height, image.width)
    first = _band(image, next(rows), space)
    upright, as_stored = to_be_turned(image.height, image.width, first.shape[2], orientation=orientation)
    as_stored[: len(first)] = first
    for band in rows:
        as_stored[band] = _band(image, band, space)
    return upright


def _band(image: Image.Image, rows: slice, space: ColorSpace) -> np.ndarray:
    color, alpha = _split(image.crop((0, rows.start, image.width, rows.stop)))
    pixels = np.asarray(image_to_srgb(color, space))
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return pixels if alpha is None else np.concatenate([pixels, np.asarray(alpha)[..., None]], axis=-1)


def _sixteen_of_thirty_two(values: np.ndarray) -> np.ndarray:
    """Pillow's mode I is wider than what it holds: 16-bit values."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise Undecodable(f"expected whole numbers in 0..65535, got {low}..{high}; store them as 16 bits")
    return values.astype(np.uint16)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour, of a mode that `image_to_srgb` takes, and alpha (mode L) or None."""
    if image.has_transparency_data:
        full = image.convert("LA" if image.mode in {"L", "LA", "La"} else "RGBA")
        return full.convert("L" if full.mode == "LA" else "RGB"), full.getchannel("A")
    if image.mode in {"L", "RGB", "CMYK", "LAB"}:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None
