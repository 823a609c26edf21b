"""Files of one colour that state their colour space in one of their format's ways, put together piece by piece."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image

SRGB_POINTS = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_POINTS = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
D65 = (0.3127, 0.3290)


def chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def png(pixel: tuple[int, ...], *said: bytes, bits: int = 8, size: int = 1, behind: bytes = b"") -> bytes:
    """1 channel is gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha; `said` are chunks before the pixels."""
    header = struct.pack(">2I5B", size, size, bits, {1: 0, 2: 4, 3: 2, 4: 6}[len(pixel)], 0, 0, 0)
    row = b"\0" + b"".join(value.to_bytes(bits // 8, "big") for value in pixel) * size
    pixels = chunk(b"IDAT", zlib.compress(row * size))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(said) + pixels + behind + chunk(b"IEND", b"")


def palette_png(pixel: tuple[int, int, int], *said: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">2I5B", 1, 1, 8, 3, 0, 0, 0))
    pixels = chunk(b"PLTE", bytes(pixel)) + chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(said) + pixels + chunk(b"IEND", b"")


def cicp(primaries: int, transfer: int, matrix: int = 0, full_range: int = 1) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, matrix, full_range]))


def iccp(icc: bytes, name: bytes = b"of the test") -> bytes:
    return chunk(b"iCCP", name + b"\0\0" + zlib.compress(icc))


def gama(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def chrm(primaries: tuple[float, ...], white: tuple[float, float] = D65) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in (*white, *primaries))))


def exif(color_space: int | None, index: bytes | None = None, *, kind: int = 2) -> bytes:
    """EXIF as a TIFF structure, with ColorSpace and the interoperability index."""
    directory = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    return struct.pack("<2sHI", b"II", 42, 8) + directory + camera(26, color_space, index, kind=kind)


def camera(offset: int, color_space: int | None, index: bytes | None = None, *, kind: int = 2) -> bytes:
    """EXIF's own directory, to stand at `offset` of its TIFF structure; `kind` of the index: 2 is text, 7 undefined."""
    fields = [] if color_space is None else [struct.pack("<HHIHH", 0xA001, 3, 1, color_space, 0)]
    behind = offset + 2 + 12 * (len(fields) + (index is not None)) + 4
    if index is not None:
        fields.append(struct.pack("<HHII", 0xA005, 4, 1, behind))
    interop = b"" if index is None else struct.pack("<HHHI4sI", 1, 1, kind, 4, index + b"\0", 0)
    return struct.pack("<H", len(fields)) + b"".join(fields) + bytes(4) + interop


def jpeg(pixel: tuple[int, ...], *segments: bytes) -> bytes:
    """`segments` come right behind the start of the image."""
    file = io.BytesIO()
    Image.new("L" if len(pixel) == 1 else "RGB", (8, 8), pixel[0] if len(pixel) == 1 else pixel).save(file, "JPEG", quality=100)
    return file.getvalue()[:2] + b"".join(segments) + file.getvalue()[2:]


def segment(marker: int, contents: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(contents) + 2) + contents


def icc_segment(part: bytes, number: int, count: int) -> bytes:
    return segment(0xE2, b"ICC_PROFILE\0" + bytes([number, count]) + part)


def exif_segment(data: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + data)


def webp(pixel: tuple[int, int, int], **said: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), pixel).save(file, "WEBP", lossless=True, **said)
    return file.getvalue()


def gif(pixel: tuple[int, int, int], icc: bytes) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), pixel).save(file, "GIF")
    data = file.getvalue()
    tables = 13 + 3 * 2 ** (data[10] % 8 + 1)
    blocks = b"".join(bytes([len(icc[at : at + 255])]) + icc[at : at + 255] for at in range(0, len(icc), 255))
    return b"GIF89a" + data[6:tables] + b"\x21\xff\x0bICCRGBG1012" + blocks + b"\0" + data[tables:]


def bmp(pixel: tuple[int, int, int], *, kind: int, endpoints: Any = (), power: float = 0, icc: bytes = b"") -> bytes:
    """One pixel behind a header of version 5; `endpoints` are X, Y, Z of red, green and blue."""
    header = struct.pack("<IiiHHIIiiII", 124, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(16) + struct.pack("<I", kind)
    header += struct.pack("<9i", *(round(value * 2**30) for value in endpoints)) if len(endpoints) else bytes(36)
    header += struct.pack("<3I", *[round(power * 65536)] * 3) + struct.pack("<4I", 4, 128 if icc else 0, len(icc), 0)
    file = struct.pack("<2sIHHI", b"BM", 14 + 128 + len(icc), 0, 0, 14 + 124)
    return file + header + bytes(reversed(pixel)) + b"\0" + icc


def tiff(pixel: tuple[int, ...], *, bits: int = 8, tags: Any = ()) -> bytes:
    file = io.BytesIO()
    pixels = np.full((4, 4, 3), pixel, np.uint8 if bits == 8 else np.uint16)
    tifffile.imwrite(file, pixels, photometric="rgb", extratags=tags)
    return file.getvalue()


def tiff_of_a_camera(pixel: tuple[int, ...], color_space: int, index: bytes, *, tags: Any = ()) -> bytes:
    # tifffile does not write EXIF's tag, so its neighbour holds the place.
    data = tiff(pixel, tags=[*tags, (0x8768, "I", 1, 0, True)])
    held, stated = struct.pack("<HHII", 0x8768, 4, 1, 0), struct.pack("<HHII", 0x8769, 4, 1, len(data))
    return data.replace(held, stated) + camera(len(data), color_space, index)


def ratios(code: int, values: tuple[float, ...]) -> tuple[int, str, int, tuple[int, ...], bool]:
    """A TIFF tag of rational numbers."""
    return code, "2I", len(values), tuple(part for value in values for part in (round(value * 10_000), 10_000)), True


def box(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(contents), name) + contents
