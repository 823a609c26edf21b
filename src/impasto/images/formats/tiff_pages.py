"""Which page of a TIFF is the picture.

A TIFF is a chain of pages, each a directory of tags (TIFF 6.0); a page may have pages of its own (SubIFDs, TIFF Technical
Note 1).  Cameras, scanners and editors put previews and masks among them, and mark them by NewSubfileType (bit 0, bit 2) or
the older SubfileType (2).  The picture is the largest page that is neither, the first of equally large ones.

Raw files of most cameras are TIFFs, too, whose ordinary pages are all previews: what the sensor saw is a mosaic, or coded
by the maker's own method.  They are refused by name, since developing them is a photographer's decision.
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import Any, Final

from impasto.images.formats.kinds import RAW
from impasto.images.raster import Undecodable

_MOST_PAGES: Final = 64
_PREVIEW, _MASK = 1, 4
_OLD_PREVIEW: Final = 2

_SENSOR: Final = {32803, 34892}
"""PhotometricInterpretation of a mosaic of colours (CFA), and of linear raw data."""

_MAKERS_CODINGS: Final = {32767, 32769, 32770, 32772, 34713, 65000, 65535}
"""Compressions of Sony, Epson, Samsung, Nikon, Kodak and Pentax, for raw data alone."""

_DNG_VERSION: Final = 50706

Placed = tuple[Any, int | None]
"""A page, and its place in the chain; None for a page of a page."""


def picture_page(file: Any, data: bytes) -> Placed:
    """Return the page that is the picture.

    Args:
        file: The open `tifffile.TiffFile`.
        data: All its bytes.

    Raises:
        Undecodable: It is a camera's raw file, it has no page, or only a preview is left of it.
        Exception: Whatever tifffile raises where the first page is damaged.
    """
    pages, whole = _pages(file, data)
    if not pages:
        raise Undecodable("damaged or incomplete (it has no pages); copy or download it again")
    if any(_is_raw(page) for page, _ in pages):
        raise Undecodable(RAW)
    page, at = _picture(pages)
    if not whole and _role(page) & _PREVIEW:
        raise Undecodable("damaged or incomplete (only a preview is left of it); copy or download it again")
    return page, at


def _pages(file: Any, data: bytes) -> tuple[list[Placed], bool]:
    """The pages up to the first that is damaged, the pages of pages among them, and whether all could be read."""
    found: list[Placed] = []
    pages, whole, last = islice(file.pages, _MOST_PAGES), True, None
    for at in range(_MOST_PAGES):
        try:
            last = next(pages)
        except StopIteration:
            break
        except Exception:
            if at == 0:
                raise
            return found, False
        found.append((last, at))
        try:
            inner = [(page, None) for page in islice(last.pages or (), _MOST_PAGES)]
        except Exception:  # what a damaged page of a page shows nobody can say
            inner = []
        whole = whole and len(inner) >= min(len(last.subifds or ()), _MOST_PAGES)
        found += inner
    # tifffile ends the chain without a word where a link leads out of the file.
    return found, whole and (last is None or len(found) >= _MOST_PAGES or not _has_next(file, last, data))


def _has_next(file: Any, page: Any, data: bytes) -> bool:
    """True where the link behind a page's tags leads anywhere: a count of tags, the tags, a place or 0 (TIFF 6.0, section 2)."""
    count, tag_bytes, link = ("Q", 20, "Q") if file.is_bigtiff else ("H", 12, "I")
    at = page.offset + struct.calcsize(count)
    try:
        at += tag_bytes * int(struct.unpack_from(file.byteorder + count, data, page.offset)[0])
        return bool(struct.unpack_from(file.byteorder + link, data, at)[0])
    except struct.error:
        return False


def _is_raw(page: Any) -> bool:
    version = page.tags.valueof(_DNG_VERSION)
    return version is not None or int(page.photometric) in _SENSOR or int(page.compression) in _MAKERS_CODINGS


def _picture(pages: list[Placed]) -> Placed:
    pictures = [one for one in pages if not _role(one[0]) & _MASK] or pages
    full = [one for one in pictures if not _role(one[0]) & _PREVIEW] or pictures
    return max(full, key=lambda one: one[0].imagewidth * one[0].imagelength)


def _role(page: Any) -> int:
    """NewSubfileType, in whichever tag it is said."""
    said = page.tags.valueof(254, None)
    if isinstance(said, int):
        return int(said)
    return _PREVIEW if page.tags.valueof(255, None) == _OLD_PREVIEW else 0
