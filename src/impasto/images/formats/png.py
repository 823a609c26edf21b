"""PNG: the chunks that hold pixels go to the decoder, all others are only listened to.

A PNG is a header, critical chunks (IHDR, PLTE, IDAT, IEND) and ancillary ones: profiles, EXIF, texts, whatever a program
adds.  Only tRNS of the ancillary ones belongs to the pixels.  The others never reach the decoder, so neither their size,
nor their checksums, nor what they hold can stop a picture.  Chunks and checksums as in the PNG specification
(W3C, third edition), sections 5 and 11.

A checksum that is wrong, or a file that ends early, is damage only if pixels are: IDAT holds one zlib stream with a checksum
of its own, so two checksums cover each pixel.  Where every byte that the header promises is there and one of the two is right,
the picture is whole, and the decoder gets it with the checksum that it expects.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from impasto.images.colors.color_space import color_space_of
from impasto.images.colors.containers.png import SIGNATURE, Chunk, chunks_of
from impasto.images.formats.exif import Exif, exif_in
from impasto.images.formats.samples import raster_of
from impasto.images.raster import Raster, Undecodable, check_size, usable_dpi

_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel by colour type."""

_PASSES: Final = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Adam7: first row, first column, step of rows, step of columns."""

_PIECE: Final = 1 << 14
"""Bytes unpacked at a time; zlib makes at most 1032 times as many of them."""

_MOST_TEXT_BYTES: Final = 1 << 20
"""A text that holds EXIF or XMP is not unpacked beyond this."""

_XMP: Final = b"XML:com.adobe.xmp"
_RAW_EXIF: Final = (b"Raw profile type exif", b"Raw profile type APP1")
"""ImageMagick's texts for EXIF: its bytes in hexadecimal behind a line of their name and number."""


class _Header(NamedTuple):
    width: int
    height: int
    depth: int
    color: int
    compression: int
    filtering: int
    interlace: int


def from_png(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a PNG of any depth; the default image of an animated one.

    Raises:
        TooManyPixels: From the header, before anything is decoded.
        Undecodable: The pixels are damaged or incomplete.
    """
    chunks = list(chunks_of(data))
    header = _header(chunks)
    check_size(header.width, header.height, max_pixels=max_pixels)
    before, stored = _critical(chunks)
    pixels = _decoded(header, before, stored)
    return raster_of(pixels, color_space_of(data, "PNG"), exif=_exif(chunks))


def _header(chunks: list[Chunk]) -> _Header:
    if chunks and chunks[0].kind == b"CgBI":
        raise Undecodable("PNG in Apple's own form for iPhones (CgBI) is not supported; save it again as PNG")
    if not chunks or chunks[0].kind != b"IHDR" or len(chunks[0].data) < 13:
        raise Undecodable("the beginning is damaged; copy or download it again")
    return _Header(*struct.unpack(">IIBBBBB", chunks[0].data[:13]))


def _decoded(header: _Header, before: list[Chunk], stored: list[Chunk]) -> np.ndarray:
    import imagecodecs

    if all(chunk.is_whole for chunk in [*before, *stored]):
        # Where the decoder stops, the checksum inside the stream may be all that is wrong.
        with contextlib.suppress(imagecodecs.PngError):
            return imagecodecs.png_decode(_file_of(before, [chunk.data for chunk in stored]))
    return imagecodecs.png_decode(_file_of(before, [_whole_stream(header, stored)]))


def _critical(chunks: list[Chunk]) -> tuple[list[Chunk], list[Chunk]]:
    """The chunks that a decoder needs before the pixels, and those of the pixels.  Raises Undecodable where they are damaged."""
    pixels = [chunk for chunk in chunks if chunk.kind == b"IDAT"]
    if not pixels:
        raise Undecodable("damaged or incomplete (it has no pixels); copy or download it again")
    before = chunks[1 : chunks.index(pixels[0])]
    palettes = [chunk for chunk in before if chunk.kind == b"PLTE"]
    if any(not chunk.is_whole for chunk in palettes):
        raise Undecodable("damaged or incomplete (its palette has a wrong checksum); copy or download it again")
    transparency = [chunk for chunk in before if chunk.kind == b"tRNS" and chunk.is_whole]
    return [chunks[0]._replace(data=chunks[0].data[:13]), *palettes[:1], *transparency[:1]], pixels


def _file_of(before: list[Chunk], pixels: Sequence[bytes | memoryview]) -> bytes:
    """A PNG of these chunks with right checksums."""
    parts: list[bytes | memoryview] = [SIGNATURE]
    for kind, body in [*((chunk.kind, chunk.data) for chunk in before), *((b"IDAT", body) for body in pixels), (b"IEND", b"")]:
        parts += [struct.pack(">I", len(body)) + kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))]
    return b"".join(parts)


def _whole_stream(header: _Header, pixels: list[Chunk]) -> bytes:
    """The zlib stream of the pixels, with the checksum that they have.

    Raises Undecodable unless all bytes are there that the header promises, and a checksum vouches for them: the stream's own,
    as far as it is there, or those of all chunks.
    """
    stream = b"".join(chunk.data for chunk in pixels)
    # Without zlib's header and checksum, so that the latter can be told from damage.
    unpacker, length, checksum, most = zlib.decompressobj(-zlib.MAX_WBITS), 0, zlib.adler32(b""), _stream_bytes(header)
    end = 2
    try:
        while end < len(stream) and length <= most and not unpacker.eof:
            part = unpacker.decompress(stream[end : end + _PIECE])
            length, checksum, end = length + len(part), zlib.adler32(part, checksum), end + _PIECE
    except zlib.error as error:
        raise Undecodable(f"damaged or incomplete ({error}); copy or download it again") from None
    if length < most:
        raise Undecodable("damaged or incomplete (its pixels end early); copy or download it again")
    end = min(end, len(stream)) - len(unpacker.unused_data)
    right = checksum.to_bytes(4, "big")
    if not (unpacker.eof and right.startswith(stream[end : end + 4])) and not all(chunk.is_whole for chunk in pixels):
        raise Undecodable("damaged or incomplete (the checksums of its pixels are wrong); copy or download it again")
    return stream[:end] + right


def _stream_bytes(header: _Header) -> int:
    """Number of unpacked bytes of all pixels: each row begins with a byte for its filter."""
    bits = header.depth * _CHANNELS.get(header.color, 0)
    passes = _PASSES if header.interlace == 1 else ((0, 0, 1, 1),)
    total = 0
    for top, left, down, across in passes:
        rows, columns = -(-(header.height - top) // down), -(-(header.width - left) // across)
        total += rows * (1 + (columns * bits + 7) // 8) if rows > 0 and columns > 0 else 0
    return total


def _exif(chunks: list[Chunk]) -> Exif:
    """Orientation and resolution, stated before or behind the pixels."""
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    for chunk in chunks:
        if chunk.kind == b"eXIf":
            exif = bytes(chunk.data)
        elif chunk.kind == b"pHYs" and len(chunk.data) == 9 and chunk.data[8] == 1:  # per metre
            across, down = struct.unpack(">II", chunk.data[:8])
            dpi = usable_dpi(across * 0.0254, down * 0.0254)
        elif chunk.kind in {b"tEXt", b"zTXt", b"iTXt"}:
            keyword = bytes(chunk.data[:80]).partition(b"\0")[0]
            if keyword in _RAW_EXIF and exif is None:
                exif = _from_hexadecimal(_text(chunk, keyword))
            elif keyword == _XMP:
                xmp = _text(chunk, keyword)
    stated = exif_in(exif, xmp=xmp)
    return stated if dpi is None else stated._replace(dpi=dpi)


def _text(chunk: Chunk, keyword: bytes) -> bytes:
    """The text behind the keyword, unpacked; empty where it is broken or too long to be EXIF."""
    rest = bytes(chunk.data[len(keyword) + 1 :])
    packed = chunk.kind == b"zTXt"
    if chunk.kind == b"iTXt":
        packed, rest = rest[:1] == b"\x01", b"\0".join(rest[2:].split(b"\0", 2)[2:])
    elif packed:
        rest = rest[1:]
    try:
        return zlib.decompressobj().decompress(rest, _MOST_TEXT_BYTES) if packed else rest
    except zlib.error:
        return b""


def _from_hexadecimal(text: bytes) -> bytes | None:
    """EXIF of ImageMagick's text: newline, name, newline, number of bytes, newline, digits in lines."""
    try:
        return bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return None
