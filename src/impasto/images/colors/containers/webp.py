"""WebP (RFC 9649): the RIFF chunks ICCP and EXIF."""

from __future__ import annotations

from impasto.images.colors.containers.statements import Statements


def statements(data: bytes) -> Statements:
    """Return what a WebP file says."""
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name = data[at : at + 4]
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if name in {b"ICCP", b"EXIF"} and at + 8 + length <= len(data):
            found.setdefault(name, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    exif = found.get(b"EXIF")
    return Statements(icc=found.get(b"ICCP"), exif=None if exif is None else exif.removeprefix(b"Exif\0\0"))
