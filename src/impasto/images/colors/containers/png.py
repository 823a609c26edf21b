"""PNG (W3C, third edition): its chunks, and what cICP, iCCP, sRGB, gAMA, cHRM and eXIf say about colours."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from impasto.images.colors.containers.statements import Cicp, Point, Statements, points

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_MOST_PROFILE_BYTES: Final = 2**24
_BEFORE_THE_PIXELS: Final = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}
_PQ_BY_NAME: Final = b"ITUR_2100_PQ_FULL"
"""An ICC profile of this name means BT.2100 PQ, whatever it says (W3C note "Using the ITU BT.2100 PQ EOTF with PNG")."""


class Chunk(NamedTuple):
    """A chunk's kind, its contents as far as they are there, and its checksum likewise."""

    kind: bytes
    data: memoryview
    checksum: bytes

    @property
    def is_whole(self) -> bool:
        """True where the checksum is there and right."""
        return self.checksum == zlib.crc32(self.data, zlib.crc32(self.kind)).to_bytes(4, "big")


def chunks_of(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG in order, up to IEND or the end of the file; the last one may be incomplete."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        yield Chunk(kind, view[at + 8 : end], data[end : end + 4])
        if kind == b"IEND":
            return
        at = end + 4


def statements(data: bytes) -> Statements:
    """Return what a PNG file says; a chunk that is damaged, misplaced or repeated is left out."""
    chunks = _of_colors(data)
    icc, cicp = _profile(chunks.get(b"iCCP", b""))
    return Statements(
        icc=icc,
        cicp=_cicp(chunks.get(b"cICP", b"")) or cicp,
        srgb=len(chunks.get(b"sRGB", b"")) == 1,
        exponents=_exponents(chunks.get(b"gAMA", b"")),
        chromaticities=_chromaticities(chunks.get(b"cHRM", b"")),
        exif=chunks.get(b"eXIf"),
    )


def _of_colors(data: bytes) -> dict[bytes, bytes]:
    """The first sound chunk of each kind that speaks of colours; EXIF may stand behind the pixels."""
    found: dict[bytes, bytes] = {}
    pixels_seen = False
    for chunk in chunks_of(data):
        pixels_seen = pixels_seen or chunk.kind in {b"IDAT", b"PLTE"}
        wanted = chunk.kind == b"eXIf" or (chunk.kind in _BEFORE_THE_PIXELS and not pixels_seen)
        if wanted and chunk.kind not in found and chunk.is_whole:
            found[chunk.kind] = bytes(chunk.data)
    return found


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
