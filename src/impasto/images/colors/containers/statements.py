"""Statements about the colours of a file's pixels, as they stand in the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
"""A chromaticity x, y of CIE 1931."""


@dataclass(frozen=True)
class Cicp:
    """Code points of ITU-T H.273 for the primaries and the transfer characteristics, and the range of the codes.

    `full_range` is False where black and white stand at 16 and 235 of 255, and nothing has scaled them yet.
    """

    primaries: int
    transfer: int
    full_range: bool = True


@dataclass(frozen=True, kw_only=True)
class Statements:
    """Everything that a file says about its colours, checked for nothing.

    Attributes:
        icc: An ICC profile.
        cicp: PNG's cICP, or the nclx of HEIF and AVIF.
        srgb: True where the file names sRGB by a field of its own.
        exponents: From codes to linear light, one power per channel: 1 / gAMA of PNG, the gamma of BMP.
        chromaticities: Red, green, blue, white: PNG's cHRM and its like.
        tables: From codes to linear light, one table of uint16 for all channels or three.
        exif: EXIF as a TIFF structure.
        adobe_rgb: True where EXIF names Adobe RGB.
    """

    icc: bytes | None = None
    cicp: Cicp | None = None
    srgb: bool = False
    exponents: tuple[float, float, float] | None = None
    chromaticities: tuple[Point, Point, Point, Point] | None = None
    tables: tuple[np.ndarray, ...] | None = None
    exif: bytes | None = None
    adobe_rgb: bool = False


def points(numbers: tuple[float, ...]) -> tuple[Point, Point, Point, Point]:
    """Return red, green, blue and white of eight numbers in that order."""
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = numbers
    return (red_x, red_y), (green_x, green_y), (blue_x, blue_y), (white_x, white_y)
