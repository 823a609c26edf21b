"""JPEG: the ICC profile in APP2 (ICC.1:2022, annex B.4), in as many parts as it takes, and EXIF in APP1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from impasto.images.colors.containers.statements import Statements

_ICC: Final = b"ICC_PROFILE\0"
_EXIF: Final = b"Exif\0"
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_WITHOUT_LENGTH: Final = {0x01, *range(0xD0, 0xD9)}


def statements(data: bytes) -> Statements:
    """Return what a JPEG file says; a profile of which a part is missing is left out."""
    parts: dict[int, bytes] = {}
    counts: set[int] = set()
    exif: bytes | None = None
    for marker, contents in _segments(data):
        if marker == 0xE2 and contents.startswith(_ICC) and len(contents) >= 14:
            parts.setdefault(contents[12], contents[14:])
            counts.add(contents[13])
        elif marker == 0xE1 and contents.startswith(_EXIF) and exif is None:
            exif = contents[6:]
    whole = len(counts) == 1 and sorted(parts) == list(range(1, max(counts) + 1)) and len(parts) > 0
    return Statements(icc=b"".join(parts[number] for number in sorted(parts)) if whole else None, exif=exif)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and contents of each segment before the first scan; what stands between segments is passed over."""
    at = data.find(b"\xff", 2)
    while 0 <= at < len(data) - 3:
        marker = data[at + 1]
        if marker in {_START_OF_SCAN, _END_OF_IMAGE}:
            return
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0 or marker in _WITHOUT_LENGTH:
            at = data.find(b"\xff", at + 2)
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + max(length, 2)
        if end > len(data):
            return
        yield marker, data[at + 4 : end]
        at = data.find(b"\xff", end)
