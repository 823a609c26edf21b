"""WebP (RFC 9649): its RIFF chunks, and what ICCP and EXIF say about colours."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from impasto.images.colors.containers.statements import Statements


def chunks_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and contents of each whole chunk in order."""
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > len(data):
            return
        yield name, data[at + 8 : end]
        at = end + length % 2


def statements(data: bytes) -> Statements:
    """Return what a WebP file says."""
    found: dict[bytes, bytes] = {}
    for name, contents in chunks_of(data):
        found.setdefault(name, contents)
    exif = found.get(b"EXIF")
    return Statements(icc=found.get(b"ICCP"), exif=None if exif is None else exif.removeprefix(b"Exif\0\0"))
