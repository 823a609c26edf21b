"""Orientation and resolution as a file states them; nonsense counts as no statement, and nothing here raises.

EXIF and XMP are written by many programs, and broken by as many.  They say how the pixels are to be turned and printed,
never whether there are any: a picture whose EXIF cannot be read stands as it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from PIL import Image
from PIL.ExifTags import Base

from impasto.images.raster import usable_dpi

_XMP_ORIENTATION: Final = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])")
_PER_INCH: Final = {2: 1.0, 3: 2.54}
"""EXIF's ResolutionUnit: inch, centimetre; 1 means no unit."""


class Exif(NamedTuple):
    """The way from stored pixels to the picture: `orientation` 1..8 as in EXIF, `dpi` as stored, across and down."""

    orientation: int = 1
    dpi: tuple[float, float] | None = None

    @property
    def upright_dpi(self) -> tuple[float, float] | None:
        """The resolution of the upright picture, across and down."""
        return self.dpi if self.dpi is None or self.orientation < 5 else (self.dpi[1], self.dpi[0])


def exif_of_image(image: Image.Image) -> Exif:
    """Return what a decoded Pillow image states; its own field of resolution goes before EXIF's."""
    try:
        stated = _stated(image.getexif())
    except Exception:  # Pillow's parser raises anything on broken blocks
        stated = Exif()
    said = image.info.get("dpi")
    return stated._replace(dpi=usable_dpi(*said)) if isinstance(said, tuple) and len(said) == 2 else stated


def exif_in(block: bytes | None, *, xmp: bytes | None = None) -> Exif:
    """Return what a block of EXIF states, with or without its mark `Exif\\0\\0`, and XMP's orientation where EXIF has none."""
    exif = Image.Exif()
    try:
        if block is not None:
            exif.load(block)
        stated = _stated(exif)
        known = Base.Orientation in exif
    except Exception:
        stated, known = Exif(), False
    found = None if known or xmp is None else _XMP_ORIENTATION.search(xmp)
    return stated if found is None else stated._replace(orientation=int(found[1]))


def valid_orientation(value: object) -> int:
    """Return the value if it is an orientation of EXIF, 1..8, else 1."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _stated(tags: Mapping[int, Any]) -> Exif:
    scale = _PER_INCH.get(tags.get(Base.ResolutionUnit, 2))
    dpi = usable_dpi(tags.get(Base.XResolution), tags.get(Base.YResolution))
    scaled = None if dpi is None or scale is None else (dpi[0] * scale, dpi[1] * scale)
    return Exif(valid_orientation(tags.get(Base.Orientation)), scaled)
