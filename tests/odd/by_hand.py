"""Files of pictures made chunk by chunk, from numbers: what they show is known without any decoder."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""PNG's colour types."""

CHANNELS: Final = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
DEPTHS: Final = {GRAY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GRAY_ALPHA: (8, 16), RGBA: (8, 16)}

ADAM7: Final = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, step of rows, step of columns."""


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_rows(samples: np.ndarray, depth: int, *, before: bytes = b"") -> bytes:
    """[H, W, C] whole numbers → rows of bits, each padded to bytes, the highest bit first; `before`: PNG's filter byte."""
    rows = []
    for row in samples.reshape(len(samples), -1):
        if depth == 16:
            rows.append(before + row.astype(">u2").tobytes())
        else:
            bits = "".join(f"{int(value):0{depth}b}" for value in row)
            bits += "0" * (-len(bits) % 8)
            rows.append(before + bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)))
    return b"".join(rows)


def png_stream(samples: np.ndarray, depth: int, *, interlaced: bool) -> bytes:
    """The bytes that PNG compresses: rows behind filter 0, in seven passes if interlaced."""
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [samples[top::down, left::across] for top, left, down, across in passes]
    return b"".join(packed_rows(part, depth, before=b"\0") for part in parts if part.size > 0)


def png(
    samples: np.ndarray,
    *,
    depth: int = 8,
    color: int = RGB,
    interlaced: bool = False,
    palette: bytes | None = None,
    transparent: bytes | None = None,
    before: Sequence[bytes] = (),
    behind: Sequence[bytes] = (),
    pieces: int = 1,
) -> bytes:
    """A PNG of samples [H, W, C]; `before`, `behind`: chunks around the pixels, which lie in so many pieces."""
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, color, 0, 0, interlaced)
    stream = zlib.compress(png_stream(samples, depth, interlaced=interlaced))
    cuts = [len(stream) * at // pieces for at in range(pieces + 1)]
    pixels = [chunk(b"IDAT", stream[start:end]) for start, end in itertools.pairwise(cuts)]
    parts = [PNG_SIGNATURE, chunk(b"IHDR", header)]
    parts += [] if palette is None else [chunk(b"PLTE", palette)]
    parts += [] if transparent is None else [chunk(b"tRNS", transparent)]
    return b"".join([*parts, *before, *pixels, *behind, chunk(b"IEND", b"")])


def segment(marker: int, body: bytes) -> bytes:
    """One segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


_SIZES: Final = {"B": 1, "s": 1, "H": 2, "I": 4, "Q": 8}
_CODES: Final = {"B": 1, "s": 2, "H": 3, "I": 4, "Q": 16}


def tiff(pages: Sequence[Mapping[int, Any]], *, big_endian: bool = False) -> bytes:
    """A TIFF of pages of tags: whole numbers and sequences of them as LONG, bytes as BYTE.

    Tag 273 holds the page's strips (bytes) instead of their places, and 330 (SubIFDs) a list of pages, or of places.
    """
    order = ">" if big_endian else "<"
    out = bytearray((b"MM\0*" if big_endian else b"II*\0") + bytes(4))
    link = 4
    for page in pages:
        at = _page(out, page, order)
        struct.pack_into(order + "I", out, link, at)
        link = at + 2 + 12 * _count(page)
    return bytes(out)


def _count(page: Mapping[int, Any]) -> int:
    return len(page) + (273 in page)


def _page(out: bytearray, page: Mapping[int, Any], order: str) -> int:
    tags: dict[int, Any] = dict(page)
    if 273 in tags:
        strips = tags[273]
        tags[279] = [len(strip) for strip in strips]
        tags[273] = [_put(out, strip) for strip in strips]
    if 330 in tags:
        tags[330] = [inner if isinstance(inner, int) else _page(out, inner, order) for inner in tags[330]]
    entries = []
    for tag, value in sorted(tags.items()):
        if isinstance(value, bytes):
            kind, count, data = 1, len(value), value
        else:
            numbers = [value] if isinstance(value, int) else list(value)
            kind, count, data = 4, len(numbers), struct.pack(f"{order}{len(numbers)}I", *numbers)
        where = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(order + "I", _put(out, data))
        entries.append(struct.pack(order + "HHI", tag, kind, count) + where)
    return _put(out, struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4))


def _put(out: bytearray, data: bytes) -> int:
    out += bytes(len(out) % 2)
    at = len(out)
    out += data
    return at


def page(samples: np.ndarray, *, photometric: int = 2, bits: int = 8, order: str = "<", **tags: Any) -> dict[int, Any]:
    """The tags of an uncompressed page of samples [H, W, C]; further tags as t254=1."""
    height, width, channels = samples.shape
    pixels = samples.astype(f"{order}u{bits // 8}").tobytes() if bits >= 8 else packed_rows(samples, bits)
    known: dict[int, Any] = {
        256: width, 257: height, 258: [bits] * channels, 259: 1, 262: photometric, 273: [pixels], 277: channels, 278: height,
    }  # fmt: skip
    if channels > {0: 1, 1: 1, 3: 1, 5: 4}.get(photometric, 3):
        known[338] = [2, *[0] * (channels - {0: 1, 1: 1, 3: 1, 5: 4}.get(photometric, 3) - 1)]
    return known | {int(name[1:]): value for name, value in tags.items()}


def by_pillow(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    """A file by Pillow's encoder, to be taken apart."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()
