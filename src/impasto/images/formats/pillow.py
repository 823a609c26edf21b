"""Pillow's images → rasters: every mode, alpha apart from colour, profile to sRGB, upright."""

from __future__ import annotations

import numpy as np
from PIL import Image

from impasto.images.bands import bands
from impasto.images.colors.color_space import ColorSpace, color_space_of_image
from impasto.images.colors.to_srgb import array_to_srgb, image_to_srgb, seen_whole
from impasto.images.formats.exif import Exif, exif_of_image
from impasto.images.raster import Raster, Undecodable, check_size, to_be_turned, turned, unit_floats


def from_pillow(image: Image.Image, *, max_pixels: int, space: ColorSpace | None = None, exif: Exif | None = None) -> Raster:
    """Return the first frame of an image that is opened, but not necessarily decoded.

    Args:
        image: Of any mode.
        max_pixels: Its header is checked against this before anything is decoded.
        space: What the file says about its colours; without it, what the image's `info` says.
        exif: What the file says about orientation and resolution; without it, what the image says.

    Raises:
        TooManyPixels: It has more than max_pixels.
        Undecodable: It holds nothing, or numbers that mean no colour.
        Exception: Whatever Pillow raises on damaged files.
    """
    check_size(image.width, image.height, max_pixels=max_pixels)
    image.load()
    # After decoding: Pillow turns TIFF itself and clears the mark.
    exif = exif_of_image(image) if exif is None else exif
    pixels = _deep(image)
    space = color_space_of_image(image) if space is None else space
    if pixels is None:
        upright = _eight_bits(image, exif.orientation, space)
    else:
        upright = turned(array_to_srgb(pixels, space, channels="gray"), exif.orientation)
    return Raster(upright, exif.upright_dpi)


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

    In bands: Pillow holds four bytes per pixel, and each step on the way from there would hold all of it once more.
    """
    space = seen_whole(space, image)
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
    """The 16-bit values that Pillow's mode I, which is wider, holds.  Raises Undecodable for others."""
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
