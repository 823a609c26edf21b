"""Any colour → sRGB: by an ICC profile where there is one, else by formula.

A profile that is broken, or made for another kind of pixels, is ignored: then the rest of what the file says counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from impasto.images.colors.color_space import ColorSpace
from impasto.images.colors.conversion import by_formula, measured_peak, of_type, row_groups, unit
from impasto.images.colors.profile import Channels, array_through, describes_gray, image_through, is_gray, is_srgb
from impasto.images.colors.transfer import is_hdr, to_srgb


def seen_whole(space: ColorSpace, pixels: np.ndarray | Image.Image) -> ColorSpace:
    """Return the space with what only a whole picture can tell, for one that is then converted in bands.

    That is the brightness of its highlights in PQ and HLG, and whether it has colours beside a profile for gray, which then
    is not its own.  Any other space comes back as it is.

    Args:
        space: What the file says about its colours.
        pixels: The picture without alpha, [H, W, C] or [H, W]; or an image of any mode.
    """
    measure = is_hdr(space.transfer) and space.peak is None
    compare = space.icc is not None and describes_gray(space.icc)
    if not measure and not compare:
        return space
    if isinstance(pixels, Image.Image):
        pixels = np.asarray(pixels if pixels.mode in {"L", "RGB"} else pixels.convert("RGB"))
    if compare and not is_gray(pixels):
        space = replace(space, icc=None)
    return replace(space, peak=measured_peak(pixels, space)) if measure else space


def image_to_srgb(image: Image.Image, space: ColorSpace) -> Image.Image:
    """Return an image sRGB-encoded, mode L or RGB; the same object where nothing is to be done.

    Args:
        image: 8 bits per channel without alpha, mode L, RGB, CMYK or LAB.
        space: What the file says about its colours. For a band of a picture, what `seen_whole` returned.
    """
    if space.icc is not None and not is_srgb(space.icc):
        converted = image_through(image, space.icc)
        if converted is not None:
            return converted
    if image.mode == "LAB":
        converted = image_through(image, None)
        if converted is None:
            raise ValueError("the Lab colours cannot be converted")
        return converted
    if image.mode not in {"L", "RGB"}:
        return image.convert("RGB")
    if (space.icc is not None and is_srgb(space.icc)) or space.says_srgb:
        return image
    pixels = np.asarray(image)
    pixels = by_formula(pixels[..., None] if pixels.ndim == 2 else pixels, seen_whole(space, pixels))
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def array_to_srgb(pixels: np.ndarray, space: ColorSpace, *, channels: Channels) -> np.ndarray:
    """Return pixels sRGB-encoded, of the same type, [H, W, 1 or 3]; the same array where nothing is to be done.

    Args:
        pixels: [H, W, C] uint8, uint16 or float32 (0..1), without alpha. `cmyk` has 0 for no ink; `lab` is as ICC version 2
            encodes it in 16 bits, L 0..65280 and a, b around 32768.
        space: What the file says about its colours.
        channels: What the C channels are.
    """
    icc = space.icc
    if icc is not None and not is_srgb(icc):
        converted = array_through(pixels, icc, channels)
        if converted is not None:
            return converted
    if channels == "cmyk":
        return _in_groups(_cmyk_to_srgb, pixels)
    if channels == "lab":
        return _in_groups(_lab_to_srgb, pixels)
    if (icc is not None and is_srgb(icc)) or space.says_srgb:
        return pixels
    return by_formula(pixels, seen_whole(space, pixels))


def _in_groups(function: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """[H, W, C] → [H, W, 3] of the same type, a few rows at a time."""
    srgb = np.empty((*pixels.shape[:2], 3), pixels.dtype)
    for rows in row_groups(*pixels.shape[:2]):
        srgb[rows] = function(pixels[rows])
    return srgb


def _cmyk_to_srgb(inks: np.ndarray) -> np.ndarray:
    """Ink on white paper without a profile: each takes its share of the light."""
    paper = 1 - unit(inks)
    return of_type(paper[..., :3] * paper[..., 3:], inks.dtype)


def _lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """CIE Lab (D50) → linear sRGB by the inverse of its definition → sRGB-encoded."""
    scaled = lab.astype(np.float64)
    lightness, a, b = scaled[..., 0] / 652.8, scaled[..., 1] / 256 - 128, scaled[..., 2] / 256 - 128
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.96422, 1.0, 0.82521]
    return of_type(to_srgb((xyz @ _XYZ_D50_TO_LINEAR_SRGB.T).clip(0, 1)), lab.dtype)


_XYZ_D50_TO_LINEAR_SRGB: Final = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)
"""Bradford-adapted from D65; Lindbloom, "RGB/XYZ matrices"."""
