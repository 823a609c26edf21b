"""TIFF 6.0: the tags ICC profile, TransferFunction, PrimaryChromaticities and WhitePoint, and EXIF's directory.

Floating-point pixels are taken like whole numbers: sRGB-encoded, unless a profile or a tag says otherwise.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np

from impasto.images.colors.containers import exif
from impasto.images.colors.containers.statements import Statements

_ICC: Final = 34675
_BITS: Final = 258
_TRANSFER: Final = 301
_WHITE: Final = 318
_PRIMARIES: Final = 319


def statements(data: bytes) -> Statements:
    """Return what the first page of a TIFF file says."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        icc = tags.valueof(_ICC)
        return Statements(
            icc=bytes(icc) if icc is not None else None,
            tables=_tables(tags.valueof(_TRANSFER), tags.valueof(_BITS)),
            chromaticities=exif.chromaticities(_ratios(tags.valueof(_PRIMARIES)), _ratios(tags.valueof(_WHITE))),
            # A TIFF file is laid out as EXIF is, so one parser finds the camera's directory in both.
            exif=data,
        )


def _tables(values: Any, bits: Any) -> tuple[np.ndarray, ...] | None:
    """One table of 2^bits entries for all channels, or one for each of three."""
    levels = np.asarray([] if values is None else values)
    depth = int(np.max(bits)) if bits is not None else 1
    if levels.dtype.kind not in "iu" or levels.size == 0 or levels.min() < 0 or levels.max() > 65535:
        return None
    if depth > 16 or levels.size not in {2**depth, 3 * 2**depth}:
        return None
    return tuple(levels.reshape(-1, 2**depth).astype(np.uint16))


def _ratios(value: Any) -> tuple[float, ...]:
    """Numerators and denominators by turns, as tifffile gives them."""
    numbers = () if value is None else tuple(value)
    return tuple(above / below if below != 0 else 0.0 for above, below in zip(numbers[::2], numbers[1::2], strict=True))
