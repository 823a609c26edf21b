"""GIF: the ICC profile in the application extension ICCRGBG1012 (ICC.1:2022, annex B.5)."""

from __future__ import annotations

from typing import Final

from impasto.images.colors.containers.statements import Statements

_PROFILE: Final = b"\x21\xff\x0bICCRGBG1012"


def statements(data: bytes) -> Statements:
    """Return what a GIF file says before its first picture."""
    at = 13 + (3 * 2 ** (data[10] % 8 + 1) if data[10] >= 128 else 0)
    while data[at : at + 1] == b"\x21":
        profile = bytearray()
        named = data.startswith(_PROFILE, at)
        at += 2
        while at < len(data) and data[at] != 0:
            profile += data[at + 1 : at + 1 + data[at]]
            at += 1 + data[at]
        at += 1
        if named:
            return Statements(icc=bytes(profile[11:]))
    return Statements()
