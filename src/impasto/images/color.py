"""Any colour → sRGB, by LittleCMS: relative colorimetric with black point compensation, as photo editors do.

A profile that is broken, or made for another kind of pixels, is ignored: the pixels are then taken for sRGB.
"""

from __future__ import annotations

import functools
import io
from typing import Any, Final, Literal

import numpy as np
from PIL import Image, ImageCms

from impasto.images.color_space import ColorSpace

Channels = Literal["gray", "rgb", "cmyk", "lab"]

_DATE: Final = slice(24, 36)
_PROFILE_ID: Final = slice(84, 100)
_FIXED_DATE: Final = bytes([0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])


@functools.cache
def srgb_profile() -> bytes:
    """The profile embedded in every picture; its date is fixed, so that equal pictures are equal files."""
    return _undated(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def is_srgb(icc: bytes) -> bool:
    """Whether this is our own profile, up to its date: then nothing is converted, not even rounded."""
    return len(icc) >= 128 and _undated(icc) == srgb_profile()


def _undated(icc: bytes) -> bytes:
    profile = bytearray(icc)
    profile[_DATE] = _FIXED_DATE
    profile[_PROFILE_ID] = bytes(16)
    return bytes(profile)


def image_to_srgb(image: Image.Image, space: ColorSpace) -> Image.Image:
    """An 8-bit image without alpha, mode L, RGB, CMYK or LAB → mode L or RGB, sRGB-encoded."""
    icc = space.icc
    if icc is not None and not is_srgb(icc):
        converted = _image_through(image, icc)
        if converted is not None:
            return converted
    if image.mode == "LAB":
        converted = _image_through(image, None)
        if converted is None:
            raise ValueError("the Lab colours cannot be converted")
        return converted
    return image if image.mode in {"L", "RGB"} else image.convert("RGB")


def _image_through(image: Image.Image, icc: bytes | None) -> Image.Image | None:
    """Through a profile, or from plain Lab without one; None where the profile is of no use."""
    transform = _transform(icc, image.mode)
    try:
        return None if transform is None else transform.apply(image)
    except (OSError, ValueError, TypeError):
        return None


# Building one takes as long as converting a megapixel, and pictures come in bands.
@functools.lru_cache(maxsize=2)
def _transform(icc: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(
            ImageCms.createProfile("LAB") if icc is None else io.BytesIO(icc),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def array_to_srgb(pixels: np.ndarray, space: ColorSpace, *, channels: Channels) -> np.ndarray:
    """[H, W, C] uint16 or float32 (0..1), without alpha → the same type, sRGB-encoded, C = 1 or 3.

    `gray` and `rgb` come back as they are unless a profile says otherwise; `cmyk` has 0 for no ink;
    `lab` is as ICC version 2 encodes it, L 0..65280 and a, b around 32768.
    """
    icc = space.icc
    if icc is not None and not is_srgb(icc):
        converted = _array_through(pixels, icc, channels)
        if converted is not None:
            return converted
    if channels == "cmyk":
        full = 65535 if pixels.dtype == np.uint16 else 1.0
        paper = (full - pixels.astype(np.float32)) / full
        return _of_type(paper[..., :3] * paper[..., 3:], pixels.dtype)
    if channels == "lab":
        return _lab_to_srgb(pixels)
    return pixels


def _array_through(pixels: np.ndarray, icc: bytes, channels: Channels) -> np.ndarray | None:
    import imagecodecs

    source = np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if source.dtype == np.float32 and channels == "cmyk":
        source = source * 100  # LittleCMS counts ink in percent when it counts in floats
    try:
        converted: np.ndarray = imagecodecs.cms_transform(
            source,
            icc,
            srgb_profile(),
            colorspace="minisblack" if channels == "gray" else channels,
            outcolorspace="rgb",
            outdtype=pixels.dtype,
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
        )
    except (imagecodecs.CmsError, ValueError, TypeError):
        return None
    # In floats a colour outside sRGB's gamut leaves 0..1.
    return converted.clip(0, 1) if converted.dtype == np.float32 else converted


def _lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """CIE Lab (D50) → linear sRGB by the inverse of its definition → sRGB-encoded."""
    scaled = lab.astype(np.float64)
    lightness, a, b = scaled[..., 0] / 652.8, scaled[..., 1] / 256 - 128, scaled[..., 2] / 256 - 128
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.96422, 1.0, 0.82521]
    linear = (xyz @ _XYZ_D50_TO_LINEAR_SRGB.T).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return _of_type(encoded, lab.dtype)


_XYZ_D50_TO_LINEAR_SRGB: Final = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)
"""Bradford-adapted from D65; Lindbloom, "RGB/XYZ matrices"."""


def _of_type(unit: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    return (unit * 65535 + 0.5).astype(np.uint16) if dtype == np.uint16 else unit.astype(np.float32)
