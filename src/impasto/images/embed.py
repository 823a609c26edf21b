"""The manifest inside a file, in UTF-8.

PNG: iTXt `impasto`.  JPEG and WebP: EXIF's UserComment.  TIFF: ImageDescription.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Final

from PIL import Image
from PIL.ExifTags import IFD, Base

from impasto.errors import UnreadableImage
from impasto.images.decode import format_of, guarded
from impasto.images.raster import TooManyPixels, Undecodable

KEYWORD: Final = "impasto"
_ASCII: Final = b"ASCII\0\0\0"
_UNDEFINED: Final = bytes(8)
"""EXIF's mark for an unsaid encoding: ours is UTF-8, often half as long as the UTF-16 that has a mark."""


def png_with(
    png: memoryview, *, icc: bytes, dpi: tuple[float, float] | None, manifest: str | None
) -> tuple[memoryview, bytes, memoryview]:
    """Return the PNG with profile, resolution and manifest between its header and its pixels: in three parts, not copied."""
    header = 8 + 12 + 13
    chunks = png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(icc, 9))
    if dpi is not None:
        per_metre = (min(2**31 - 1, max(1, round(value / 0.0254))) for value in dpi)
        chunks += png_chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if manifest is not None:
        chunks += png_chunk(b"iTXt", KEYWORD.encode("ascii") + b"\0\0\0\0\0" + manifest.encode("utf-8"))
    return png[:header], chunks, png[header:]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG file: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif_with(manifest: str | None, *, dpi: tuple[float, float] | None = None, max_bytes: int | None = None) -> bytes:
    """Return EXIF with the manifest as UserComment and the resolution; empty if there is nothing to say.

    A manifest that makes it longer than max_bytes is left out.
    """
    exif = Image.Exif()
    if dpi is not None:
        exif[Base.XResolution], exif[Base.YResolution], exif[Base.ResolutionUnit] = dpi[0], dpi[1], 2
    bare = exif.tobytes() if dpi is not None else b""
    if manifest is None:
        return bare
    mark = _ASCII if manifest.isascii() else _UNDEFINED
    exif.get_ifd(IFD.Exif)[Base.UserComment] = mark + manifest.encode("utf-8")
    full = exif.tobytes()
    return bare if max_bytes is not None and len(full) > max_bytes else full


def read_manifest(path: str | os.PathLike[str]) -> str | None:
    """Return the manifest that `write` stored in a PNG, JPEG, WebP or TIFF; None if there is none, or no picture.

    Raises UnreadableImage when the file itself cannot be read.
    """
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}; check its path", path=path) from None
    kind = format_of(data)
    if kind not in {"PNG", "JPEG", "WEBP", "TIFF"}:
        return None
    try:
        with guarded(max_pixels=2**62):
            return _tiff_text(data) if kind == "TIFF" else _pillow_text(data, kind)
    except (Undecodable, TooManyPixels):
        return None


def _tiff_text(data: bytes) -> str | None:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        text = file.pages[0].tags.valueof(270)
    return text if isinstance(text, str) and text != "" else None


def _pillow_text(data: bytes, kind: str) -> str | None:
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        if kind == "PNG":
            text = image.info.get(KEYWORD)
            return str(text) if isinstance(text, str) else None
        comment = image.getexif().get_ifd(IFD.Exif).get(Base.UserComment)
    if not isinstance(comment, bytes) or comment[:8] not in {_ASCII, _UNDEFINED}:
        return None
    return comment[8:].decode("utf-8")
