"""BMP: the colour fields of BITMAPV4HEADER and BITMAPV5HEADER (Microsoft, wingdi.h)."""

from __future__ import annotations

import struct
from typing import Final

from impasto.images.colors.containers.statements import Point, Statements, points

_HEADER: Final = 14
_CALIBRATED: Final = 0
_SRGB: Final = {0x73524742, 0x57696E20}
"""LCS_sRGB and LCS_WINDOWS_COLOR_SPACE, which is sRGB."""
_EMBEDDED: Final = 0x4D424544
_D65: Final = (0.3127, 0.3290)


def statements(data: bytes) -> Statements:
    """Return what a BMP file says; a profile in another file (LINK) counts as nothing said."""
    size = int.from_bytes(data[_HEADER : _HEADER + 4], "little")
    if size < 108 or len(data) < _HEADER + size:
        return Statements()
    kind = int.from_bytes(data[_HEADER + 56 : _HEADER + 60], "little")
    if kind == _EMBEDDED and size >= 124:
        offset, length = struct.unpack_from("<2I", data, _HEADER + 112)
        profile = data[_HEADER + offset : _HEADER + offset + length]
        return Statements(icc=profile if 0 < length == len(profile) else None)
    if kind != _CALIBRATED:
        return Statements(srgb=kind in _SRGB)
    exponents = tuple(value / 65536 for value in struct.unpack_from("<3I", data, _HEADER + 96))
    red, green, blue = exponents
    return Statements(
        exponents=None if 0 in exponents else (red, green, blue),
        chromaticities=_chromaticities(struct.unpack_from("<9i", data, _HEADER + 60)),
    )


def _chromaticities(endpoints: tuple[int, ...]) -> tuple[Point, Point, Point, Point] | None:
    """The end points are X, Y, Z of red, green and blue; the field's numbers have 30 binary places.

    Their sum is white.  Writers that give x, y, z (which add up to 1) leave white open, and mean D65.
    """
    xyz = [[value / 2**30 for value in endpoints[at : at + 3]] for at in (0, 3, 6)]
    sums = [sum(color) for color in xyz]
    if min(sums) <= 0:
        return None
    x, y = [[color[axis] / total for color, total in zip(xyz, sums, strict=True)] for axis in (0, 1)]
    white: Point = _D65
    if max(abs(total - 1) for total in sums) > 0.01:
        white = sum(color[0] for color in xyz) / sum(sums), sum(color[1] for color in xyz) / sum(sums)
    return points((x[0], y[0], x[1], y[1], x[2], y[2], *white))
