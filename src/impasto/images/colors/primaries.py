"""Primaries and white of a colour space, and the matrix from them to sRGB's.

The matrix of a space holds its primaries' XYZ as columns, scaled so that their sum is white (SMPTE RP 177).  Between two whites
the colours are adapted by Bradford's matrix (Lindbloom, "Chromatic Adaptation"), so white stays white: relative colorimetric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from impasto.images.colors.containers.statements import Point

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_ROUNDING: Final = 0.002
"""How far numbers in files lie from those that they mean: some are rounded to three places, some are XYZ of 1/65536."""


@dataclass(frozen=True)
class Primaries:
    """The chromaticities of red, green, blue and white."""

    red: Point
    green: Point
    blue: Point
    white: Point = _D65

    def is_sound(self) -> bool:
        """Return whether these span a gamut with white inside: zeros, NaN and points on one line do not."""
        points = (self.red, self.green, self.blue, self.white)
        if not all(math.isfinite(value) and -1 <= value <= 1 for point in points for value in point) or self.white[1] < 0.01:
            return False
        columns = _columns(self)
        return bool(abs(np.linalg.det(columns)) > 1e-3 and (np.linalg.solve(columns, _xyz(self.white)) > 0).all())

    def is_near(self, other: Primaries) -> bool:
        """Return whether both mean the same, up to how numbers are rounded in files."""
        pairs = zip((self.red, self.green, self.blue, self.white), (other.red, other.green, other.blue, other.white), strict=True)
        return all(abs(a - b) <= _ROUNDING for mine, theirs in pairs for a, b in zip(mine, theirs, strict=True))

    def luminances(self) -> np.ndarray:
        """Return the shares of red, green and blue in the luminance of white, [3], float64."""
        shares: np.ndarray = _to_xyz(self)[1]
        return shares

    def to_linear_srgb(self) -> np.ndarray:
        """Return the matrix [3, 3], float64, from linear light in this space to linear light in sRGB."""
        from_cones, own, srgb = np.linalg.inv(_BRADFORD), _BRADFORD @ _xyz(self.white), _BRADFORD @ _xyz(BT709.white)
        adapted = from_cones @ np.diag(srgb / own) @ _BRADFORD
        matrix: np.ndarray = np.linalg.inv(_to_xyz(BT709)) @ adapted @ _to_xyz(self)
        return matrix


def _xyz(point: Point) -> np.ndarray:
    """The XYZ of a chromaticity for Y = 1."""
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _columns(primaries: Primaries) -> np.ndarray:
    return np.array([(x, y, 1 - x - y) for x, y in (primaries.red, primaries.green, primaries.blue)]).T


def _to_xyz(primaries: Primaries) -> np.ndarray:
    columns = _columns(primaries)
    return columns * np.linalg.solve(columns, _xyz(primaries.white))


BT709: Final = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
"""sRGB's too (IEC 61966-2-1)."""

BT2020: Final = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))

DISPLAY_P3: Final = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
"""SMPTE EG 432-1 with the white of D65."""

ADOBE_RGB: Final = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
"""Adobe RGB (1998) color image encoding, 4.3.1."""

BY_CICP: Final = {
    1: BT709,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: BT2020,
    10: Primaries((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: DISPLAY_P3,
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
"""ITU-T H.273, table 2."""
