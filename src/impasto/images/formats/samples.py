"""Samples as a decoder gives them → a raster: colours to sRGB, upright."""

from __future__ import annotations

import numpy as np
from PIL import Image

from impasto.images.bands import bands
from impasto.images.colors.color_space import ColorSpace
from impasto.images.colors.to_srgb import array_to_srgb, image_to_srgb, seen_whole
from impasto.images.formats.exif import Exif
from impasto.images.raster import Raster, to_be_turned, turned, unit_floats


def raster_of(samples: np.ndarray, space: ColorSpace, *, exif: Exif) -> Raster:
    """Return the raster of gray or RGB samples, with or without alpha.

    Args:
        samples: [H, W] or [H, W, 1 to 4], uint8, uint16 over its full range, or float32 in 0..1, as stored.
        space: What the file says about its colours.
        exif: How the picture is to be turned, and its resolution.
    """
    pixels = samples[..., None] if samples.ndim == 2 else samples
    if pixels.dtype == np.uint8:
        return Raster(_eight_bits(pixels, space, exif.orientation), exif.upright_dpi)
    color, alpha = (pixels[..., :-1], pixels[..., -1:]) if pixels.shape[2] in {2, 4} else (pixels, None)
    converted = array_to_srgb(color, space, channels="gray" if color.shape[2] == 1 else "rgb")
    if converted is not color:
        pixels = converted if alpha is None else np.concatenate([converted, alpha], axis=-1)
    return Raster(turned(pixels, exif.orientation), exif.upright_dpi)


def _eight_bits(pixels: np.ndarray, space: ColorSpace, orientation: int) -> np.ndarray:
    """[H, W, C] uint8 → the same, sRGB-encoded and upright; in bands, as each step would hold all of it once more."""
    height, width = pixels.shape[:2]
    space = seen_whole(space, pixels[..., :-1] if pixels.shape[2] in {2, 4} else pixels)
    rows = bands(height, width)
    first = _band(pixels[next(rows)], space)
    if np.may_share_memory(first, pixels):  # nothing is converted
        return turned(pixels, orientation)
    upright, as_stored = to_be_turned(height, width, first.shape[2], orientation=orientation)
    as_stored[: len(first)] = first
    for band in rows:
        as_stored[band] = _band(pixels[band], space)
    return upright


def _band(pixels: np.ndarray, space: ColorSpace) -> np.ndarray:
    color = pixels[..., :-1] if pixels.shape[2] in {2, 4} else pixels
    image = Image.fromarray(np.ascontiguousarray(color[..., 0] if color.shape[2] == 1 else color))
    converted = image_to_srgb(image, space)
    if converted is image:
        return pixels
    srgb = np.asarray(converted)
    srgb = srgb[..., None] if srgb.ndim == 2 else srgb
    return srgb if color is pixels else np.concatenate([srgb, pixels[..., -1:]], axis=-1)


def full_scale(samples: np.ndarray, bits: int) -> np.ndarray:
    """Return whole numbers of `bits` bits as uint16 over its full range, and floats as float32 clipped to 0..1.

    A float file may hold colours beyond white; they are clipped as any screen does.  Raises Undecodable for NaN, and where
    most values lie outside 0..1, as then the scale is another one.
    """
    if np.issubdtype(samples.dtype, np.floating):
        return unit_floats(samples, clip=True)
    if bits == 16 and samples.dtype == np.uint16:
        return samples
    full = np.empty(samples.shape, np.uint16)
    for rows in bands(*samples.shape[:2]):
        full[rows] = (samples[rows] * (65535 / (2**bits - 1))).round()
    return full
