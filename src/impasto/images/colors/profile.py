"""Colours by an ICC profile → sRGB, by LittleCMS: relative colorimetric with black point compensation, as photo editors do."""

from __future__ import annotations

import functools
import io
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageCms

Channels = Literal["gray", "rgb", "cmyk", "lab"]

_DATE: Final = slice(24, 36)
_PROFILE_ID: Final = slice(84, 100)
_FIXED_DATE: Final = bytes([0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])


@functools.cache
def srgb_profile() -> bytes:
    """Return the profile embedded in every picture; its date is fixed, so that equal pictures are equal files."""
    return _undated(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def is_srgb(icc: bytes) -> bool:
    """Return whether this is our own profile, up to its date: then nothing is converted, not even rounded."""
    return len(icc) >= 128 and _undated(icc) == srgb_profile()


def _undated(icc: bytes) -> bytes:
    profile = bytearray(icc)
    profile[_DATE] = _FIXED_DATE
    profile[_PROFILE_ID] = bytes(16)
    return bytes(profile)


def image_through(image: Image.Image, icc: bytes | None) -> Image.Image | None:
    """Return an image through a profile, or from plain Lab without one; None where the profile is of no use."""
    if icc is not None:
        image = _as_the_profile_counts(image, icc)
    transform = _transform(icc, image.mode)
    try:
        return None if transform is None else transform.apply(image)
    except (OSError, ValueError, TypeError):
        return None


def _as_the_profile_counts(image: Image.Image, icc: bytes) -> Image.Image:
    """The image with as many channels as its profile has: gray as RGB, or RGB that is gray in all pixels as gray.

    Decoders and editors change the number of channels, and keep the profile.
    """
    if image.mode == "L" and icc[16:20] == b"RGB ":
        return image.convert("RGB")
    if image.mode == "RGB" and describes_gray(icc) and is_gray(np.asarray(image)):
        return image.getchannel(0)
    return image


def describes_gray(icc: bytes) -> bool:
    """Return whether a profile is for pixels of one channel."""
    return icc[16:20] == b"GRAY"


def is_gray(pixels: np.ndarray) -> bool:
    """Return whether red, green and blue are equal in every pixel of [H, W, C] or [H, W]."""
    return pixels.ndim == 2 or all(bool((pixels[..., 0] == pixels[..., channel]).all()) for channel in range(1, pixels.shape[2]))


# Building one takes as long as converting a megapixel, and pictures come in bands.
@functools.lru_cache(maxsize=2)
def _transform(icc: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    if icc is not None and icc[12:16] not in _CLASSES:
        return None
    try:
        transform = ImageCms.buildTransform(
            ImageCms.createProfile("LAB") if icc is None else io.BytesIO(icc),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        paper = transform.apply(Image.new(mode, (1, 1), _WHITE[mode]))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError):
        return None
    # Relative colorimetric takes white to white: a profile that does not is damaged, and would blacken the picture.
    return transform if paper is not None and min(np.asarray(paper).ravel()) >= 128 else None


_CLASSES: Final = {b"scnr", b"mntr", b"prtr", b"spac"}
"""The profiles that say what pixels mean; links, abstract and named-colour profiles do not (ICC.1:2022, 7.2.5)."""

_WHITE: Final[dict[str, float | tuple[float, ...]]] = {
    "L": 255,
    "RGB": (255, 255, 255),
    "CMYK": (0, 0, 0, 0),
    "LAB": (255, 128, 128),
}


_MODES: Final = {"gray": "L", "rgb": "RGB", "cmyk": "CMYK", "lab": "LAB"}


def array_through(pixels: np.ndarray, icc: bytes, channels: Channels) -> np.ndarray | None:
    """Return pixels through a profile, [H, W, 3] of the same type; None where the profile is of no use.

    Args:
        pixels: [H, W, C], uint8, uint16 or float32 in 0..1; see `to_srgb.array_to_srgb`.
        icc: The profile.
        channels: What the C channels are.
    """
    import imagecodecs

    if channels == "gray" and icc[16:20] == b"RGB ":
        pixels, channels = np.repeat(pixels, 3, axis=-1), "rgb"
    elif channels == "rgb" and describes_gray(icc) and is_gray(pixels):
        pixels, channels = pixels[..., :1], "gray"
    if channels != "lab" and _transform(icc, _MODES[channels]) is None:
        return None
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
