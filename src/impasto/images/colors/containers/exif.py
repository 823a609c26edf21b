"""EXIF (CIPA DC-008), and Adobe RGB by DCF 2.0 (CIPA DC-009): ColorSpace "uncalibrated", interoperability index R03."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from PIL import Image
from PIL.ExifTags import IFD, Base, Interop

from impasto.images.colors.containers.statements import Point, Statements, points

_SRGB: Final = 1
_ADOBE_RGB: Final = 2
"""This value is not in the standard; several cameras and programs write it."""
_GAMMA: Final = 0xA500
_WHITE: Final = 318
_PRIMARIES: Final = 319


def statements(data: bytes) -> Statements:
    """Return what EXIF says, given as a TIFF structure."""
    exif = Image.Exif()
    with contextlib.suppress(Exception):  # Pillow raises anything on damaged EXIF, and keeps what it read before
        exif.load(data)
    return stated_in(exif)


def stated_in(exif: Image.Exif) -> Statements:
    """Return what EXIF says, as Pillow has read it."""
    camera = _directory(exif, IFD.Exif)
    color_space = camera.get(Base.ColorSpace)
    if color_space == _SRGB:
        return Statements(srgb=True)
    index = _directory(exif, IFD.Interop).get(Interop.InteropIndex)
    if color_space == _ADOBE_RGB or (isinstance(index, str | bytes) and index[:3] in {"R03", b"R03"}):
        return Statements(adobe_rgb=True)
    gamma = camera.get(_GAMMA)
    return Statements(
        exponents=None if gamma is None else (gamma, gamma, gamma),
        chromaticities=chromaticities(exif.get(_PRIMARIES), exif.get(_WHITE)),
    )


def chromaticities(primaries: Any, white: Any) -> tuple[Point, Point, Point, Point] | None:
    """Return the tags PrimaryChromaticities and WhitePoint as points, or None where they are not six and two numbers."""
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
        numbers = (*map(float, primaries), *map(float, white))
        return points(numbers) if len(numbers) == 8 else None
    return None


def _directory(exif: Image.Exif, name: int) -> dict[int, Any]:
    with contextlib.suppress(Exception):  # as above
        return dict(exif.get_ifd(name))
    return {}
