"""TIFF: the pixels of its picture, in whatever way they are stored; which page that is, `tiff_pages` knows.

tifffile decodes nearly everything, and says so where it does not; then Pillow is asked, and what neither decodes is named.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

import numpy as np
from PIL import Image

from impasto.images.colors.color_space import ColorSpace, color_space_of
from impasto.images.colors.containers.jpeg import frame_of
from impasto.images.colors.profile import Channels
from impasto.images.colors.to_srgb import array_to_srgb
from impasto.images.formats.exif import Exif, valid_orientation
from impasto.images.formats.pillow import from_pillow
from impasto.images.formats.samples import full_scale, raster_of
from impasto.images.formats.tiff_pages import picture_page
from impasto.images.raster import Raster, TooManyPixels, Undecodable, check_size, turned, usable_dpi

_MOST_CHANNELS: Final = 64
_JPEG: Final = {6, 7}
"""Compressions whose decoder makes RGB of YCbCr."""

_WITH_HEADERS: Final = {6, 7, 33003, 33004, 33005, 33007, 34712, 34933}
"""Compressions that are whole JPEGs, JPEG 2000 codestreams or PNGs."""

_HEADER_BYTES: Final = 1 << 16
_CODED_SIZE: Final = re.compile(rb"\xff\x4f\xff\x51....(....)(....)|\x89PNG\r\n\x1a\n....IHDR(....)(....)", re.DOTALL)
"""Width and height: JPEG 2000's marker SIZ (ITU-T T.800, A.5.1), PNG's IHDR."""

_CHANNELS: Final[dict[str, tuple[Channels, int]]] = {
    "MINISWHITE": ("gray", 1),
    "MINISBLACK": ("gray", 1),
    "RGB": ("rgb", 3),
    "PALETTE": ("rgb", 3),
    "YCBCR": ("rgb", 3),
    "SEPARATED": ("cmyk", 4),
    "CIELAB": ("lab", 3),
    "ICCLAB": ("lab", 3),
}


def from_tiff(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a TIFF of any depth.

    Raises:
        TooManyPixels: From the header, before anything is decoded.
        Undecodable: It is a camera's raw file, or its pixels are of a kind that neither decoder knows.
        Exception: Whatever the decoders raise on damaged files.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page, at = picture_page(file, data)
        check_size(page.imagewidth, page.imagelength, max_pixels=max_pixels)
        if page.is_tiled:
            check_size(page.tilewidth, page.tilelength, max_pixels=max_pixels)
        _check_coded_sizes(page, data, max_pixels=max_pixels)
        icc = page.tags.valueof(34675)
        space = color_space_of(data, "TIFF") if at == 0 or icc is None else ColorSpace(icc=bytes(icc))
        try:
            return _from_page(page, space)
        except _UnknownKind:
            if at is None:
                raise
        try:
            return _by_pillow(data, at, space, max_pixels)
        except (TooManyPixels, Undecodable, MemoryError):
            raise
        except Exception:  # Pillow's way to say that it does not know this kind, either
            raise _unknown(page) from None


def _check_coded_sizes(page: Any, data: bytes, *, max_pixels: int) -> None:
    """Raise TooManyPixels where a strip or tile is a JPEG, JPEG 2000 or PNG that is larger than any picture may be.

    Its decoder makes room for what its own header says, whatever the page's tags say.
    """
    for start in page.dataoffsets if int(page.compression) in _WITH_HEADERS else ():
        head = data[start : start + _HEADER_BYTES]
        frame = frame_of(head)
        found = _CODED_SIZE.search(head)
        size = [int.from_bytes(number, "big") for number in found.groups() if number is not None] if found is not None else []
        if frame is not None:
            size = [frame.width, frame.height]
        if len(size) == 2 and min(size) > 0:
            check_size(*size, max_pixels=max_pixels)


class _UnknownKind(Undecodable):
    """The error for pixels of a kind that tifffile does not decode; the message names it."""


def _by_pillow(data: bytes, at: int, space: ColorSpace, max_pixels: int) -> Raster:
    with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
        image.seek(at)
        return from_pillow(image, max_pixels=max_pixels, space=space)


def _from_page(page: Any, space: ColorSpace) -> Raster:
    """One page, by tifffile.  Raises _UnknownKind for what it does not decode, and Undecodable for what means no colours."""
    name, count = page.photometric.name, int(page.samplesperpixel)
    known = name in _CHANNELS and (name != "YCBCR" or int(page.compression) in _JPEG)
    needed = 1 if name == "PALETTE" else _CHANNELS[name][1] if known else 0
    if not known or not needed <= count <= _MOST_CHANNELS or page.imagedepth != 1 or page.dtype is None:
        raise _unknown(page)
    samples = _samples(page)
    exif = Exif(valid_orientation(page.tags.valueof(274, 1)), _dpi(page))
    alpha = count > needed and len(page.extrasamples) > 0 and page.extrasamples[0] == 2
    if name == "PALETTE":
        return raster_of(_colors(page, samples[..., 0]), space, exif=exif)
    if page.bitspersample == 8 and name in {"MINISBLACK", "RGB", "YCBCR"} and (alpha or 1 not in page.extrasamples[:1]):
        return raster_of(samples[..., : needed + alpha], space, exif=exif)
    return _converted(page, samples, space, exif)


def _samples(page: Any) -> np.ndarray:
    """[H, W, C] as stored, of whichever type."""
    ends = (start + length for start, length in zip(page.dataoffsets, page.databytecounts, strict=False))
    if int(page.compression) in _JPEG and max(ends, default=0) > page.parent.filehandle.size:
        # The decoder would fill what is missing with gray.
        raise Undecodable("damaged or incomplete (its pixels end early); copy or download it again")
    try:
        samples = page.asarray()
    except Exception as error:  # tifffile's own kinds, and those of a dozen decoders
        if isinstance(error, NotImplementedError | KeyError | ImportError) or "not supported" in str(error):
            raise _unknown(page) from None
        raise
    if samples.dtype.kind == "c" or page.bitspersample > 64:
        raise _unknown(page)
    if samples.dtype == np.int8:
        low = int(samples.min())
        if low < 0:
            raise Undecodable(f"signed whole numbers down to {low} are not in 0..255; store 8 bits without a sign")
        samples = samples.astype(np.uint8)
    planes = page.planarconfig == 2 and int(page.samplesperpixel) > 1
    found: np.ndarray = np.moveaxis(samples, 0, -1) if planes else samples.reshape(page.imagelength, page.imagewidth, -1)
    return found


def _unknown(page: Any) -> _UnknownKind:
    coding = getattr(page.compression, "name", page.compression)
    kind = f"{page.photometric.name} with {page.samplesperpixel} channels of {page.bitspersample} bits, compression {coding}"
    return _UnknownKind(f"TIFF pixels of kind {kind} are not supported; save it as RGB with 8 or 16 bits")


def _colors(page: Any, indices: np.ndarray) -> np.ndarray:
    """Indices → RGB, uint8; old writers fill only the low byte of the palette's 16 bits."""
    palette = np.asarray(page.colormap, np.uint16)
    shallow = (palette if palette.max() < 256 else palette >> 8).astype(np.uint8)
    rgb: np.ndarray = shallow.T[indices.astype(np.intp)]
    return rgb


def _converted(page: Any, samples: np.ndarray, space: ColorSpace, exif: Exif) -> Raster:
    """Samples [H, W, C] as stored → upright sRGB; up to 8 bits go by way of 16 and come back as they were."""
    name = page.photometric.name
    pixels = _deep(samples, page.bitspersample, signed_ab=name == "CIELAB")
    channels, count = _CHANNELS[name]
    color = plain = pixels[..., :count]
    if name == "MINISWHITE":
        color = (65535 if color.dtype == np.uint16 else np.float32(1)) - color
    kind = page.extrasamples[0] if page.extrasamples else 0
    alpha = pixels[..., count : count + 1] if kind in {1, 2} else pixels[..., :0]
    if kind == 1:
        color = _unassociated(color, alpha)
    color = array_to_srgb(color, space, channels=channels)
    if color is plain:
        joined = pixels[..., : count + alpha.shape[2]]
    else:
        joined = color if alpha.shape[2] == 0 else np.concatenate([color, alpha], axis=-1)
    if page.dtype.itemsize == 1:
        joined = ((joined.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return Raster(turned(joined, exif.orientation), exif.upright_dpi)


def _deep(samples: np.ndarray, bits: int, *, signed_ab: bool) -> np.ndarray:
    """Numbers of any width → uint16 over its full range; floats → float32 in 0..1."""
    if signed_ab and samples.dtype.kind in "iu":
        return _lab(samples)
    if samples.dtype.kind == "i" or (bits > 16 and samples.dtype.kind == "u"):
        # Pillow writes its mode I, which holds 16-bit values, as 32 signed bits; others do so without a sign.
        low, high = int(samples.min()), int(samples.max())
        if low >= 0 and high <= 65535:
            return samples.astype(np.uint16)
        if samples.dtype.kind == "i":
            raise Undecodable(f"signed whole numbers {low}..{high} are not in 0..65535; store 16 bits")
    return full_scale(samples, bits)


def _lab(samples: np.ndarray) -> np.ndarray:
    """Lab as TIFF stores it, L over the full range and signed a, b → as ICC version 2 does, L to 65280 and a, b around 32768."""
    wide = samples.dtype.itemsize == 2
    scale = 1 if wide else 257
    ab = samples[..., 1:3].view(np.int16 if wide else np.int8).astype(np.float64) * (1 if wide else 256)
    lightness = samples[..., :1].astype(np.float64) * scale * (65280 / 65535)
    rest = samples[..., 3:].astype(np.float64) * scale
    return np.concatenate([lightness, ab + 32768.0, rest], axis=-1).round().astype(np.uint16)


def _unassociated(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colour multiplied by alpha → colour."""
    full = 65535 if color.dtype == np.uint16 else 1
    plain = color.astype(np.float64) * full / np.maximum(alpha, 1 if full > 1 else 1e-6)
    plain = plain.clip(0, full)
    rounded: np.ndarray = (plain.round() if full > 1 else plain).astype(color.dtype)
    return rounded


def _dpi(page: Any) -> tuple[float, float] | None:
    """Resolution as stored, across and down."""
    scale = {2: 1.0, 3: 2.54}.get(page.tags.valueof(296, 2))
    x, y = page.tags.valueof(282), page.tags.valueof(283)
    try:
        return None if scale is None else usable_dpi(x[0] / x[1] * scale, y[0] / y[1] * scale)
    except (ZeroDivisionError, TypeError, IndexError):
        return None
