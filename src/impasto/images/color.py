"""Any colour → sRGB: by LittleCMS where there is an ICC profile, else by formula.

With a profile, colours are mapped relative colorimetric with black point compensation, as photo editors do.  A profile that is
broken, or made for another kind of pixels, is ignored: then the rest of what the file says counts.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageCms

from impasto.images.color_space import ColorSpace
from impasto.images.conversion import by_formula, measured_peak, of_type, row_groups, unit
from impasto.images.transfer import is_hdr, to_srgb

Channels = Literal["gray", "rgb", "cmyk", "lab"]

_DATE: Final = slice(24, 36)
_PROFILE_ID: Final = slice(84, 100)
_FIXED_DATE: Final = bytes([0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])


@functools.cache
def srgb_profile() -> bytes:
    """The profile embedded in every picture; its date is fixed, so that equal pictures are equal files."""
    return _undated(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def is_srgb(icc: bytes) -> bool:
    """Return whether this is our own profile, up to its date: then nothing is converted, not even rounded."""
    return len(icc) >= 128 and _undated(icc) == srgb_profile()


def _undated(icc: bytes) -> bytes:
    profile = bytearray(icc)
    profile[_DATE] = _FIXED_DATE
    profile[_PROFILE_ID] = bytes(16)
    return bytes(profile)


def with_peak(space: ColorSpace, pixels: np.ndarray | Image.Image) -> ColorSpace:
    """Return the space with the brightness of a whole picture's highlights, for one that is then converted in bands.

    Only PQ and HLG need it; any other space comes back as it is.
    """
    if not is_hdr(space.transfer) or space.peak is not None:
        return space
    if isinstance(pixels, Image.Image):
        pixels = np.asarray(pixels if pixels.mode in {"L", "RGB"} else pixels.convert("RGB"))
    return replace(space, peak=measured_peak(pixels, space))


def image_to_srgb(image: Image.Image, space: ColorSpace) -> Image.Image:
    """Return an image sRGB-encoded, mode L or RGB; the same object where nothing is to be done.

    Args:
        image: 8 bits per channel without alpha, mode L, RGB, CMYK or LAB.
        space: What the file says about its colours. A band of a picture in PQ or HLG needs `with_peak` of the whole picture.
    """
    if space.icc is not None and not is_srgb(space.icc):
        converted = _image_through(image, space.icc)
        if converted is not None:
            return converted
    if image.mode == "LAB":
        converted = _image_through(image, None)
        if converted is None:
            raise ValueError("the Lab colours cannot be converted")
        return converted
    if image.mode not in {"L", "RGB"}:
        return image.convert("RGB")
    if (space.icc is not None and is_srgb(space.icc)) or space.says_srgb:
        return image
    pixels = np.asarray(image)
    pixels = by_formula(pixels[..., None] if pixels.ndim == 2 else pixels, with_peak(space, pixels))
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _image_through(image: Image.Image, icc: bytes | None) -> Image.Image | None:
    """The image through a profile, or from plain Lab without one; None where the profile is of no use."""
    if icc is not None:
        image = _as_the_profile_counts(image, icc)
    transform = _transform(icc, image.mode)
    try:
        return None if transform is None else transform.apply(image)
    except (OSError, ValueError, TypeError):
        return None


def _as_the_profile_counts(image: Image.Image, icc: bytes) -> Image.Image:
    """Gray pixels beside an RGB profile as RGB, and RGB pixels that are all gray beside a gray profile as gray.

    Decoders and editors change the number of channels, and keep the profile.
    """
    if image.mode == "L" and _space_of(icc) == b"RGB ":
        return image.convert("RGB")
    if image.mode == "RGB" and _space_of(icc) == b"GRAY":
        red, green, blue = image.split()
        return red if red == green == blue else image
    return image


def _space_of(icc: bytes) -> bytes:
    return icc[16:20]


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
        converted = _array_through(pixels, icc, channels)
        if converted is not None:
            return converted
    if channels == "cmyk":
        return _in_groups(_cmyk_to_srgb, pixels)
    if channels == "lab":
        return _in_groups(_lab_to_srgb, pixels)
    if (icc is not None and is_srgb(icc)) or space.says_srgb:
        return pixels
    return by_formula(pixels, with_peak(space, pixels))


_MODES: Final = {"gray": "L", "rgb": "RGB", "cmyk": "CMYK", "lab": "LAB"}


def _array_through(pixels: np.ndarray, icc: bytes, channels: Channels) -> np.ndarray | None:
    import imagecodecs

    if channels == "gray" and _space_of(icc) == b"RGB ":
        pixels, channels = np.repeat(pixels, 3, axis=-1), "rgb"
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
