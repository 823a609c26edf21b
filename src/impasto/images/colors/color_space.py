"""The colour space that a file states, in whichever of its format's ways.

A format has up to five ways to say it, and a file may use several.  In PNG the chunk cICP goes before the ICC profile (W3C PNG,
third edition, 4.3); in HEIF and AVIF the ICC profile goes before nclx, which then says only how YCbCr becomes RGB (ISO/IEC
23000-22, 7.3.6.4).  After both come a field that names sRGB; then powers, tables and chromaticities (gAMA and cHRM, and their
like in BMP and TIFF); then EXIF.  A statement that makes no sense counts as none; without any, colours are sRGB.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, replace
from typing import Any, Final

from PIL import Image

from impasto.images.colors import primaries, transfer
from impasto.images.colors.containers import bmff, bmp, exif, gif, jpeg, png, tiff, webp
from impasto.images.colors.containers.statements import Cicp, Statements, points
from impasto.images.colors.primaries import ADOBE_RGB, BT709, Primaries
from impasto.images.colors.transfer import Powers, Tables, Transfer, is_hdr

_ADOBE_POWER: Final = 563 / 256
"""Adobe RGB (1998) color image encoding, 4.3.1.2."""
_SRGB_POWER: Final = 2.2
"""PNG writes 45455 = 1 / 2.2 for sRGB's curve, some programs 45000; both are less than 1.25 % away from it."""


@dataclass(frozen=True, kw_only=True)
class ColorSpace:
    """The colour space of a file's pixels, as the file states it; all None means sRGB.

    Attributes:
        icc: An ICC profile. It wins over the rest, which is used where the profile turns out to be of no use.
        primaries: None means sRGB's.
        transfer: From codes to linear light; None means sRGB's.
        full_range: False where codes of 16/255 and 235/255 are black and white.
        peak: For PQ and HLG, how bright the picture's highlights are, 1 = 203 cd/m²; None means not measured yet.
    """

    icc: bytes | None = None
    primaries: Primaries | None = None
    transfer: Transfer | None = None
    full_range: bool = True
    peak: float | None = None

    @property
    def says_srgb(self) -> bool:
        """True where pixels without an ICC profile are sRGB's as they stand."""
        return self.primaries is None and self.transfer is None and self.full_range


SRGB: Final = ColorSpace()

_CONTAINERS: Final = {
    "PNG": png.statements,
    "JPEG": jpeg.statements,
    "WEBP": webp.statements,
    "GIF": gif.statements,
    "BMP": bmp.statements,
    "TIFF": tiff.statements,
    "AVIF": bmff.statements,
    "HEIF": bmff.statements,
}


def color_space_of(data: bytes, kind: str) -> ColorSpace:
    """Return the colour space that a file states. Never raises: nonsense counts as no statement.

    Args:
        data: The whole file.
        kind: Its format, as `images.decode.format_of` names it.
    """
    said = Statements()
    with contextlib.suppress(Exception):  # a damaged container can be wrong in any way
        said = _CONTAINERS[kind](data)
    if kind in {"AVIF", "HEIF"} and said.icc is None and _by_cicp(said.cicp) is None:
        with contextlib.suppress(Exception):  # as above
            said = Statements(exif=_exif_of_boxes(data, kind))
    return _meaning(said, cicp_first=kind == "PNG")


def color_space_of_image(image: Image.Image) -> ColorSpace:
    """Return the colour space that an image in memory states in its `info`, or in its EXIF. Never raises."""
    said = Statements()
    with contextlib.suppress(Exception):  # anything may stand there
        said = _in_info(image.info)
        if said == Statements():
            said = exif.stated_in(image.getexif())
    return _meaning(said, cicp_first=False)


def _exif_of_boxes(data: bytes, kind: str) -> bytes | None:
    """EXIF of HEIF or AVIF, by the libraries, as it lies among the pixels; it counts only without a box `colr`."""
    if kind == "HEIF":
        import pillow_heif

        block = pillow_heif.open_heif(io.BytesIO(data)).info.get("exif")
    else:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            block = image.info.get("exif")
    return block.removeprefix(b"Exif\0\0") if isinstance(block, bytes) else None


def _in_info(info: dict[Any, Any]) -> Statements:
    icc, gamma, white_first = info.get("icc_profile"), info.get("gamma"), info.get("chromaticity")
    return Statements(
        icc=icc if isinstance(icc, bytes) else None,
        srgb="srgb" in info,
        exponents=(1 / gamma,) * 3 if isinstance(gamma, float) and gamma > 0 else None,
        chromaticities=points((*white_first[2:], *white_first[:2])) if isinstance(white_first, tuple) else None,
    )


def _meaning(said: Statements, *, cicp_first: bool) -> ColorSpace:
    """The statement of highest rank that makes sense, and the profile if that ranks higher."""
    cicp = _by_cicp(said.cicp)
    if said.icc is not None and not (cicp_first and cicp is not None):
        # A profile of ICC.1:2022 may say in its tag cicp that it stands for PQ or HLG, which profiles cannot express.
        bright = _by_cicp(_cicp_of(said.icc))
        return bright if bright is not None and is_hdr(bright.transfer) else replace(_without_icc(said, cicp), icc=said.icc)
    return _without_icc(said, cicp)


def _without_icc(said: Statements, cicp: ColorSpace | None) -> ColorSpace:
    if cicp is not None:
        return cicp
    if said.srgb:
        return SRGB
    measured = _calibrated(said)
    if measured is not None:
        return measured
    if said.adobe_rgb:
        return ColorSpace(primaries=ADOBE_RGB, transfer=Powers(_ADOBE_POWER, _ADOBE_POWER, _ADOBE_POWER))
    if said.exif is None:
        return SRGB
    return _without_icc(exif.statements(said.exif), None)


def _by_cicp(cicp: Cicp | None) -> ColorSpace | None:
    """The space of H.273's code points; None if both are unspecified or reserved."""
    if cicp is None or not (cicp.primaries in primaries.BY_CICP or cicp.transfer in transfer.BY_CICP):
        return None
    stated = transfer.BY_CICP.get(cicp.transfer, "srgb")
    if cicp.transfer in {1, 6} and cicp.primaries in {1, 5, 6}:
        # Encoders have stated these around pixels that are sRGB, and browsers show them so.
        stated = "srgb"
    space = _simplest(ColorSpace(primaries=primaries.BY_CICP.get(cicp.primaries), transfer=stated))
    return replace(space, full_range=cicp.full_range)


def _cicp_of(icc: bytes) -> Cicp | None:
    for entry in range(132, min(len(icc), 132 + 12 * int.from_bytes(icc[128:132], "big")), 12):
        if icc[entry : entry + 4] == b"cicp":
            offset = int.from_bytes(icc[entry + 4 : entry + 8], "big")
            body = icc[offset : offset + 12]
            return Cicp(body[8], body[9]) if len(body) == 12 and body[:4] == b"cicp" else None
    return None


def _calibrated(said: Statements) -> ColorSpace | None:
    """Powers, tables and chromaticities, as far as they make sense; None if nothing does."""
    stated: Powers | Tables | None = None
    found: Primaries | None = None
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
        if said.tables is not None:
            stated = Tables(said.tables)
        elif said.exponents is not None:
            stated = Powers(*map(float, said.exponents))
    if said.chromaticities is not None:
        found = Primaries(*said.chromaticities)
    stated = stated if stated is not None and stated.is_sound() else None
    found = found if found is not None and found.is_sound() else None
    return None if stated is None and found is None else _simplest(ColorSpace(primaries=found, transfer=stated))


def _simplest(space: ColorSpace) -> ColorSpace:
    """The same space, with None for what is sRGB's up to rounding: then no pixel is touched."""
    found = None if space.primaries is not None and space.primaries.is_near(BT709) else space.primaries
    stated = space.transfer
    if stated == "srgb" or (isinstance(stated, Tables) and stated.is_near("srgb")):
        stated = None
    # Beside other primaries a power of 2.2 means a power of 2.2.
    if (
        isinstance(stated, Powers)
        and found is None
        and all(abs(power / _SRGB_POWER - 1) <= 0.0125 for power in (stated.red, stated.green, stated.blue))
    ):
        stated = None
    return replace(space, primaries=found, transfer=stated)
