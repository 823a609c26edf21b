"""JPEG: its segments, the header of its pixels, and what it says about colours.

A JPEG is a row of segments, each a marker FF xx and mostly a length (ITU-T T.81, annex B).  The ICC profile lies in APP2
(ICC.1:2022, annex B.4), in as many parts as it takes, and EXIF in APP1.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from impasto.images.colors.containers.statements import Statements

START_OF_SCAN: Final = 0xDA
END_OF_IMAGE: Final = 0xD9

_ICC: Final = b"ICC_PROFILE\0"
_EXIF: Final = b"Exif\0"
_WITHOUT_LENGTH: Final = {0x01, *range(0xD0, 0xDA)}
"""Markers that are a segment by themselves: TEM, restarts, the beginning and the end."""

_BEHIND_A_SCAN: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""The next marker: FF 00 is data of the scan, and restarts belong to it."""

_MOST_SEGMENTS: Final = 100_000

_FRAMES: Final = {
    0xC0: "baseline", 0xC1: "sequential", 0xC2: "progressive", 0xC3: "lossless",
    0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical",
    0xC9: "arithmetic-coded", 0xCA: "progressive arithmetic-coded", 0xCB: "lossless arithmetic-coded",
    0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical", 0xF7: "near-lossless",
}  # fmt: skip
"""Kinds of picture by the marker of their frame, SOFn."""


class Segment(NamedTuple):
    """A marker's second byte, and the places of its FF and of the first byte behind the segment."""

    marker: int
    start: int
    end: int


class Frame(NamedTuple):
    """The header of a JPEG's pixels: kind in words, bits per sample, size in px, and of each component identifier and sampling.

    A sampling holds the factor across in its upper four bits, and the factor down in its lower four.
    """

    kind: str
    bits: int
    height: int
    width: int
    components: bytes
    samplings: bytes


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG in order, up to its end marker or the end of the file.

    The data of a scan belong to the segment before them.  Bytes between segments are passed over, as decoders do.
    """
    at = 2
    for _ in range(_MOST_SEGMENTS):
        at = data.find(b"\xff", at)
        while at >= 0 and data[at + 1 : at + 2] == b"\xff":
            at += 1
        if at < 0 or at + 2 > len(data):
            return
        marker, end = data[at + 1], at + 2
        if marker == 0:
            at = end
            continue
        if marker not in _WITHOUT_LENGTH:
            if at + 4 > len(data):
                return
            end += max(2, struct.unpack_from(">H", data, end)[0])
        if marker == START_OF_SCAN:
            behind = _BEHIND_A_SCAN.search(data, end)
            end = behind.start() if behind is not None else len(data)
        yield Segment(marker, at, min(end, len(data)))
        if marker == END_OF_IMAGE:
            return
        at = end


def frame_of(data: bytes) -> Frame | None:
    """Return the header of the pixels; None where the file ends, or stops making sense, before it."""
    for marker, start, end in segments(data):
        body = data[start + 4 : end]
        if marker in _FRAMES and len(body) >= 6:
            bits, height, width, count = struct.unpack(">BHHB", body[:6])
            stop = 6 + 3 * count
            return Frame(_FRAMES[marker], bits, height, width, body[6:stop:3], body[7:stop:3])
    return None


def statements(data: bytes) -> Statements:
    """Return what a JPEG file says; a profile of which a part is missing is left out."""
    parts: dict[int, bytes] = {}
    counts: set[int] = set()
    exif: bytes | None = None
    for marker, start, end in segments(data):
        contents = data[start + 4 : end]
        if marker == START_OF_SCAN:
            break
        if marker == 0xE2 and contents.startswith(_ICC) and len(contents) >= 14:
            parts.setdefault(contents[12], contents[14:])
            counts.add(contents[13])
        elif marker == 0xE1 and contents.startswith(_EXIF) and exif is None:
            exif = contents[6:]
    whole = len(counts) == 1 and sorted(parts) == list(range(1, max(counts) + 1)) and len(parts) > 0
    return Statements(icc=b"".join(parts[number] for number in sorted(parts)) if whole else None, exif=exif)
