"""The colour space that a file states, in whichever of its format's ways."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image


@dataclass(frozen=True, kw_only=True)
class ColorSpace:
    """What a file says about the colours of its pixels; all None means sRGB.

    Attributes:
        icc: An ICC profile. It wins over the rest, which is used where the profile turns out to be of no use.
    """

    icc: bytes | None = None


SRGB: Final = ColorSpace()


def color_space_of(data: bytes, kind: str) -> ColorSpace:
    """Return the colour space that a file states. Never raises: nonsense counts as no statement.

    Args:
        data: The whole file.
        kind: Its format, as `images.decode.format_of` names it.
    """
    with contextlib.suppress(Exception):
        if kind == "HEIF":
            import pillow_heif

            return _with_icc(pillow_heif.open_heif(io.BytesIO(data)).info)
        if kind == "TIFF":
            import tifffile

            with tifffile.TiffFile(io.BytesIO(data)) as file:
                return ColorSpace(icc=file.pages[0].iccprofile)
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return color_space_of_image(image)
    return SRGB


def color_space_of_image(image: Image.Image) -> ColorSpace:
    """Return the colour space that an image in memory states in its `info`. Never raises."""
    return _with_icc(image.info)


def _with_icc(info: Any) -> ColorSpace:
    icc = info.get("icc_profile")
    return ColorSpace(icc=icc) if isinstance(icc, bytes) else SRGB
