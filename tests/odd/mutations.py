"""Small valid files of every kind, and ways to damage them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import Base
from tests.odd.by_hand import GRAY, PALETTE, PNG_SIGNATURE, RGB, by_pillow, chunk, page, png, tiff

RANDOM = np.random.default_rng(15)
PIXELS = RANDOM.integers(0, 256, (24, 32, 4), dtype=np.uint8)
INTERESTING = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def _exif() -> bytes:
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.Make], exif[Base.XResolution] = 6, "a camera", 300.0
    return exif.tobytes()


def _tiff(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def _heic(pixels: np.ndarray, *, deep: bool) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    if deep:
        wide = pixels.astype(np.uint16) * 257
        pillow_heif.from_bytes("RGB;16", (pixels.shape[1], pixels.shape[0]), wide.tobytes()).save(file, quality=-1)
    else:
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, exif=_exif())
    return file.getvalue()


def valid_files() -> dict[str, bytes]:
    """One small file of every kind that is read, with what programs add to it."""
    rgb, gray = PIXELS[..., :3].copy(), PIXELS[..., :1].copy()
    floats = RANDOM.random((24, 32, 3)).astype(np.float32)
    around = [chunk(b"eXIf", _exif()[6:]), chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"tEXt", b"a\0b")]
    files = {
        "PNG": png(rgb, color=RGB, before=around),
        "PNG interlaced": png(gray // 16, depth=4, color=GRAY, interlaced=True, transparent=b"\0\3"),
        "PNG palette": png(gray, color=PALETTE, palette=bytes(range(256)) * 3, transparent=bytes(9)),
        "PNG of 16 bits": bytes(imagecodecs.png_encode(PIXELS.astype(np.uint16) * 257)),
        "JPEG": by_pillow(rgb, "JPEG", exif=_exif(), dpi=(300, 300)),
        "JPEG progressive": by_pillow(rgb, "JPEG", progressive=True),
        "JPEG of 12 bits": bytes(imagecodecs.jpeg8_encode(rgb.astype(np.uint16) * 16, bitspersample=12)),
        "JPEG lossless": bytes(imagecodecs.jpeg8_encode(rgb, lossless=True)),
        "WebP": by_pillow(PIXELS, "WEBP", exif=_exif(), lossless=True),
        "WebP lossy": by_pillow(rgb, "WEBP"),
        "BMP": by_pillow(rgb, "BMP"),
        "GIF": by_pillow(gray[..., 0], "GIF"),
        "AVIF": by_pillow(rgb, "AVIF", exif=_exif()),
        "HEIC": _heic(rgb, deep=False),
        "HEIC of 10 bits": _heic(rgb, deep=True),
        "TIFF by hand": tiff([page(rgb, t254=1), page(rgb) | {330: [page(gray, photometric=1)]}], big_endian=True),
        "TIFF of 32 bits": _tiff(floats, photometric="rgb", predictor=3, compression="zlib"),
        "TIFF palette": tiff([page(gray, photometric=3, t320=list(range(768)))]),
        "TIFF CMYK": _tiff(PIXELS, photometric="separated"),
    }
    for name in ("jpeg", "lzw", "packbits", "zstd", "lzma", "webp", "jpeg2000", "jpegxl", "lerc"):
        files[f"TIFF {name}"] = _tiff(rgb, photometric="rgb", compression=name, tile=(16, 16))
    file = io.BytesIO()
    np.save(file, PIXELS)
    return files | {"NPY": file.getvalue()}


def damaged(draw: Callable[[st.SearchStrategy[Any]], Any], data: bytes, other: bytes) -> bytes:
    """The file after one to six damages; `other` is spliced in by some."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.one_of(st.integers(0, min(200, len(found))), st.integers(0, len(found))))
        length = draw(st.integers(0, 64))
        match draw(st.sampled_from(["byte", "number", "cut", "remove", "repeat", "insert", "splice"])):
            case "byte" if at < len(found):
                found[at] = draw(st.integers(0, 255))
            case "number":
                kind = draw(st.sampled_from([">I", "<I", ">H", "<H"]))
                number = draw(st.sampled_from(INTERESTING)) % 256 ** struct.calcsize(kind)
                found[at : at + struct.calcsize(kind)] = struct.pack(kind, number)
            case "cut":
                del found[max(at, 12) :]
            case "remove":
                del found[at : at + length]
            case "repeat":
                found[at:at] = found[at : at + length] * draw(st.integers(1, 50))
            case "insert":
                found[at:at] = draw(st.binary(max_size=64))
            case "splice":
                found[at : at + length] = other[at : at + 4 * length]
    return with_checksums(bytes(found)) if draw(st.booleans()) else bytes(found)


def with_checksums(data: bytes) -> bytes:
    """A damaged PNG with right checksums, so that its damage gets further; other files as they are."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    parts, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        length = min(struct.unpack_from(">I", data, at)[0], len(data) - at - 12)
        body = data[at + 4 : at + 8 + length]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts)
