"""PNG (W3C, third edition): the chunks cICP, iCCP, sRGB, gAMA, cHRM and eXIf."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from impasto.images.colors.containers.statements import Cicp, Point, Statements, points

_MOST_PROFILE_BYTES: Final = 2**24
_BEFORE_THE_PIXELS: Final = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}
_PQ_BY_NAME: Final = b"ITUR_2100_PQ_FULL"
"""An ICC profile of this name means BT.2100 PQ, whatever it says (W3C note "Using the ITU BT.2100 PQ EOTF with PNG")."""


def statements(data: bytes) -> Statements:
    """Return what a PNG file says; a chunk that is damaged, misplaced or repeated is left out."""
    chunks = _chunks(data)
    icc, cicp = _profile(chunks.get(b"iCCP", b""))
    return Statements(
        icc=icc,
        cicp=_cicp(chunks.get(b"cICP", b"")) or cicp,
        srgb=len(chunks.get(b"sRGB", b"")) == 1,
        exponents=_exponents(chunks.get(b"gAMA", b"")),
        chromaticities=_chromaticities(chunks.get(b"cHRM", b"")),
        exif=chunks.get(b"eXIf"),
    )


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The first sound chunk of each kind that speaks of colours; EXIF may stand behind the pixels."""
    found: dict[bytes, bytes] = {}
    pixels_seen = False
    for name, start, end in _places(data):
        pixels_seen = pixels_seen or name in {b"IDAT", b"PLTE"}
        wanted = name == b"eXIf" or (name in _BEFORE_THE_PIXELS and not pixels_seen)
        if wanted and name not in found and zlib.crc32(data[start - 4 : end]) == int.from_bytes(data[end : end + 4], "big"):
            found[name] = data[start:end]
    return found


def _places(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each whole chunk's contents."""
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name, start = data[at + 4 : at + 8], at + 8
        if name == b"IEND" or start + length + 4 > len(data):
            return
        yield name, start, start + length
        at = start + length + 4


def _profile(chunk: bytes) -> tuple[bytes | None, Cicp | None]:
    name, _, rest = chunk.partition(b"\0")
    if name == _PQ_BY_NAME:
        return None, Cicp(9, 16)
    with contextlib.suppress(zlib.error):
        unpacked = zlib.decompressobj().decompress(rest[1:], _MOST_PROFILE_BYTES)
        return (unpacked if len(unpacked) > 0 else None), None
    return None, None


def _cicp(chunk: bytes) -> Cicp | None:
    # The third byte, the matrix, is 0: PNG holds RGB.
    return Cicp(chunk[0], chunk[1], full_range=chunk[3] != 0) if len(chunk) == 4 and chunk[2] == 0 else None


def _exponents(chunk: bytes) -> tuple[float, float, float] | None:
    value = int.from_bytes(chunk, "big") if len(chunk) == 4 else 0
    return None if value == 0 else (100_000 / value,) * 3


def _chromaticities(chunk: bytes) -> tuple[Point, Point, Point, Point] | None:
    if len(chunk) != 32:
        return None
    white_x, white_y, *rest = (value / 100_000 for value in struct.unpack(">8I", chunk))
    return points((*rest, white_x, white_y))
