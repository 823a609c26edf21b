"""JPEG: what segments there are, whether all pixels are, and the kinds that Pillow does not decode.

A JPEG is a row of segments, each a marker FF xx and mostly a length (ITU-T T.81, annex B).  Tables, the frame and its
scans make the pixels; APPn and COM hold what programs add.  Pillow reads EXIF, profiles and further pictures of a camera
while it opens a file, and stops at some that are broken: then it gets the pixels' segments alone.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageChops

from impasto.images.colors.color_space import color_space_of
from impasto.images.formats.exif import exif_in
from impasto.images.formats.pillow import from_pillow
from impasto.images.formats.samples import full_scale, raster_of
from impasto.images.raster import Raster, TooManyPixels, Undecodable, check_size

_END: Final = b"\xff\xd9"
_FRAMES: Final = {
    0xC0: "baseline", 0xC1: "sequential", 0xC2: "progressive", 0xC3: "lossless",
    0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical",
    0xC9: "arithmetic-coded", 0xCA: "progressive arithmetic-coded", 0xCB: "lossless arithmetic-coded",
    0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical", 0xF7: "near-lossless",
}  # fmt: skip
"""Kinds of picture by the marker of their frame, SOFn."""

_BY_NOBODY: Final = {"hierarchical", "lossless arithmetic-coded", "near-lossless"}

_ALONE: Final = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length: TEM, restarts, the beginning."""

_JFIF: Final = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
_MOST_SEGMENTS: Final = 100_000


class _Segment(NamedTuple):
    marker: int
    start: int  # of its FF
    end: int


class Frame(NamedTuple):
    """The header of a JPEG's pixels: kind in words, bits per sample, size in px, identifiers of its components."""

    kind: str
    bits: int
    height: int
    width: int
    components: bytes


def from_jpeg(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a JPEG; the first one where a camera stored several.  Raises what Pillow raises, too."""
    frame = frame_of(data)
    if frame is not None:
        check_size(frame.width, frame.height, max_pixels=max_pixels)
        if frame.bits != 8 or frame.kind in _BY_NOBODY:
            return _uncommon(data, frame)
    try:
        return _by_pillow(data, data, max_pixels)
    except (TooManyPixels, Undecodable, MemoryError):
        raise
    except Exception:  # Pillow raises anything on what it does not understand
        if frame is None:
            raise
        plain = pixels_only(data)
        ended = plain if plain.endswith(_END) else plain.removesuffix(b"\xff") + _END
        if ended != plain and not _scans_are_whole(ended, frame):
            raise
        return _by_pillow(ended, data, max_pixels)


def _by_pillow(decoded: bytes, data: bytes, max_pixels: int) -> Raster:
    exif = None if decoded is data else exif_in(_exif_block(data))
    with Image.open(io.BytesIO(decoded), formats=["JPEG"]) as image:
        return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, "JPEG"), exif=exif)


def frame_of(data: bytes) -> Frame | None:
    """Return the header of the pixels; None where the file ends, or stops making sense, before it."""
    for segment in _segments(data):
        body = data[segment.start + 4 : segment.end]
        if segment.marker in _FRAMES and len(body) >= 6:
            bits, height, width, count = struct.unpack(">BHHB", body[:6])
            return Frame(_FRAMES[segment.marker], bits, height, width, body[6 : 6 + 3 * count : 3])
    return None


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments from the first one up to the end of the picture; data of a scan belong to the segment before them."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 2 > len(data) or data[at] != 0xFF:
            return
        marker, end = data[at + 1], at + 2
        if marker not in _ALONE and marker != 0xD9:
            if at + 4 > len(data):
                return
            end = at + 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
        if marker == 0xDA:
            end = _end_of_scan(data, end)
        yield _Segment(marker, at, min(end, len(data)))
        if marker == 0xD9:
            return
        at = end


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the next marker begins behind a scan's data: FF 00 is data there, and restarts belong to it."""
    while (at := data.find(b"\xff", at)) != -1 and at + 1 < len(data):
        if data[at + 1] != 0x00 and data[at + 1] != 0xFF and data[at + 1] not in _ALONE:
            return at
        at += 1 if data[at + 1] == 0xFF else 2
    return len(data)


def pixels_only(data: bytes) -> bytes:
    """Return the JPEG without what programs add; the marks by which decoders know the colours of the components stay."""
    parts = [data[:2]]
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker == 0xE0 and body.startswith(b"JFIF\0"):
            parts.append(_segment(marker, _JFIF))
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            parts.append(_segment(marker, body[:12]))
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            parts.append(data[start:end])
    return b"".join(parts)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _exif_block(data: bytes) -> bytes | None:
    for marker, start, end in _segments(data):
        if marker == 0xE1 and data[start + 4 : start + 10] == b"Exif\0\0":
            return data[start + 4 : end]
    return None


def _scans_are_whole(ended: bytes, frame: Frame) -> bool:
    """Whether a JPEG that came without its end marker has all its pixels.

    Decoders fill what is missing with gray.  So bytes are put before the end that is added: where pixels are missing, they
    are taken for pixels and change the picture; where all are there, they are passed over.  A progressive picture must
    have every bit of each coefficient, too: it could end after any of its scans.
    """
    if not _every_coefficient(ended, frame):
        return False
    with Image.open(io.BytesIO(ended), formats=["JPEG"]) as image:
        plain = image.convert(image.mode)
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 255, 256, dtype=np.uint8).tobytes()
        with Image.open(io.BytesIO(ended[: -len(_END)] + noise + _END), formats=["JPEG"]) as image:
            if ImageChops.difference(plain, image).getbbox(alpha_only=False) is not None:
                return False
    return True


def _every_coefficient(data: bytes, frame: Frame) -> bool:
    """Whether scans for all components are there, and in a progressive picture for all 64 coefficients to the last bit."""
    progressive = frame.kind.startswith("progressive")
    missing = {(component, at) for component in frame.components for at in (range(64) if progressive else range(1))}
    for marker, start, end in _segments(data):
        if marker != 0xDA or end < start + 8:
            continue
        count = data[start + 4]
        head = data[start + 5 : start + 5 + 2 * count + 3]
        if len(head) < 2 * count + 3:
            continue
        first, last, bits = head[2 * count :]
        if bits & 15 == 0:
            ats = range(first, last + 1) if progressive else range(1)
            missing -= {(component, at) for component in head[: 2 * count : 2] for at in ats}
    return not missing


def _uncommon(data: bytes, frame: Frame) -> Raster:
    """The picture of a kind that Pillow does not decode.  Raises Undecodable, with the kind, where nobody does."""
    import imagecodecs

    plain, count = pixels_only(data), len(frame.components)
    name = f"{frame.kind} JPEG with {frame.bits} bits and {count} channels"
    if frame.kind in _BY_NOBODY or count not in {1, 3}:
        raise Undecodable(f"{name} is not supported; save it again as TIFF or PNG")
    # Without its end marker, the decoder would fill what is missing with gray.
    samples = imagecodecs.jpeg_decode(plain) if plain.endswith(_END) else None
    if samples is None or samples.shape[:2] != (frame.height, frame.width):
        raise Undecodable(f"{name}: damaged or incomplete; copy or download it again")
    return raster_of(full_scale(samples, frame.bits), color_space_of(data, "JPEG"), exif=exif_in(_exif_block(data)))
