"""Sixteen bits a channel, where Pillow keeps eight: PNG, TIFF and HEIC by the libraries made for them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from impasto.images.bands import bands
from impasto.images.color import Channels, array_to_srgb
from impasto.images.color_space import ColorSpace, color_space_of
from impasto.images.pillow import dpi_of, from_pillow
from impasto.images.raster import Raster, Undecodable, check_size, turned, unit_floats, usable_dpi


def from_png(data: bytes, *, max_pixels: int) -> Raster:
    """PNG of any depth.  Raises like `from_pillow`."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        check_size(image.width, image.height, max_pixels=max_pixels)
        if data[24] != 16:  # the header chunk comes first, and its depth stands there
            return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, "PNG"))
        exif = image.getexif()
        orientation = exif.get(Base.Orientation, 1)
        dpi = dpi_of(image, swapped=orientation in {5, 6, 7, 8})
    import imagecodecs

    pixels: np.ndarray = imagecodecs.png_decode(data)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    converted = _to_srgb(pixels, color_space_of(data, "PNG"), alpha=pixels.shape[2] in {2, 4})
    return Raster(turned(converted, orientation), dpi)


def _to_srgb(pixels: np.ndarray, space: ColorSpace, *, alpha: bool) -> np.ndarray:
    color, rest = (pixels[..., :-1], pixels[..., -1:]) if alpha else (pixels, pixels[..., :0])
    converted = array_to_srgb(color, space, channels="gray" if color.shape[2] == 1 else "rgb")
    return pixels if converted is color else _joined(converted, rest)


def _joined(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return color if alpha.shape[2] == 0 else np.concatenate([color, alpha], axis=-1)


def from_heif(data: bytes, *, max_pixels: int) -> Raster:
    """HEIC: its primary picture.  The decoder turns it as the container says; EXIF only repeats that."""
    import pillow_heif

    heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    check_size(*heif.size, max_pixels=max_pixels)
    bits = int(heif.info.get("bit_depth", 8))
    if bits == 8:
        return from_pillow(heif.to_pillow(), max_pixels=max_pixels, space=color_space_of(data, "HEIF"))
    pixels = _full_scale(np.asarray(heif), bits, signed_ab=False)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return Raster(np.ascontiguousarray(_to_srgb(pixels, color_space_of(data, "HEIF"), alpha=pixels.shape[2] in {2, 4})))


def from_tiff(data: bytes, *, max_pixels: int) -> Raster:
    """TIFF: its first page, any depth.  Raises like `from_pillow`."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        check_size(page.imagewidth, page.imagelength, max_pixels=max_pixels)
        if page.dtype is not None and page.dtype.itemsize > 1:
            return _from_page(page, color_space_of(data, "TIFF"))
    with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
        return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, "TIFF"))


def _from_page(page: Any, space: ColorSpace) -> Raster:
    """One TIFF page of 9 bits or more a channel."""
    pixels = page.asarray()
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    elif page.planarconfig == 2:
        pixels = np.moveaxis(pixels, 0, -1)
    name = page.photometric.name
    kinds: dict[str, tuple[Channels, int]] = {
        "MINISWHITE": ("gray", 1),
        "MINISBLACK": ("gray", 1),
        "RGB": ("rgb", 3),
        "SEPARATED": ("cmyk", 4),
        "CIELAB": ("lab", 3),
        "ICCLAB": ("lab", 3),
    }
    if name not in kinds or pixels.ndim != 3 or pixels.shape[2] < kinds[name][1]:
        raise Undecodable(f"TIFF pixels of kind {name} and shape {page.shape} are not supported; convert it to RGB")
    channels, count = kinds[name]
    pixels = _full_scale(pixels, page.bitspersample, signed_ab=name == "CIELAB")
    color = plain = pixels[..., :count]
    if name == "MINISWHITE":
        color = (65535 if color.dtype == np.uint16 else np.float32(1)) - color
    kind = page.extrasamples[0] if page.extrasamples else 0
    alpha = pixels[..., count : count + 1] if kind in {1, 2} else pixels[..., :0]
    if kind == 1:
        color = _unassociated(color, alpha)
    color = array_to_srgb(color, space, channels=channels)
    joined = pixels[..., : count + alpha.shape[2]] if color is plain else _joined(color, alpha)
    orientation = int(page.tags.valueof(274, 1))
    return Raster(turned(joined, orientation), _page_dpi(page, orientation))


def _full_scale(pixels: np.ndarray, bits: int, *, signed_ab: bool) -> np.ndarray:
    """Whole numbers of any width → uint16 over its full range; floats → float32 in 0..1."""
    if np.issubdtype(pixels.dtype, np.floating):
        return unit_floats(pixels)
    if signed_ab:
        # TIFF has L over the full range and signed a, b; ICC version 2 has L to 65280 and a, b around 32768.
        lab = pixels.view(np.int16) if pixels.dtype.itemsize == 2 else pixels
        lightness = pixels[..., :1].astype(np.float64) * (65280 / 65535)
        return np.concatenate([lightness, lab[..., 1:3] + 32768.0], axis=-1).round().astype(np.uint16)
    if np.issubdtype(pixels.dtype, np.signedinteger):
        # Pillow writes its mode I, which holds 16-bit values, as 32 signed bits.
        if pixels.min() < 0 or pixels.max() > 65535:
            raise Undecodable(f"signed whole numbers {pixels.min()}..{pixels.max()} are not in 0..65535; store 16 bits")
        return pixels.astype(np.uint16)
    if bits == 16:
        return pixels.astype(np.uint16, copy=False)
    full = np.empty(pixels.shape, np.uint16)
    for rows in bands(*pixels.shape[:2]):
        full[rows] = (pixels[rows] * (65535 / (2**bits - 1))).round()
    return full


def _unassociated(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colour multiplied by alpha → colour."""
    full = 65535 if color.dtype == np.uint16 else 1
    plain = color.astype(np.float64) * full / np.maximum(alpha, 1 if full > 1 else 1e-6)
    plain = plain.clip(0, full)
    rounded: np.ndarray = (plain.round() if full > 1 else plain).astype(color.dtype)
    return rounded


def _page_dpi(page: Any, orientation: int) -> tuple[float, float] | None:
    unit = page.tags.valueof(296, 2)
    x, y = page.tags.valueof(282), page.tags.valueof(283)
    if x is None or y is None or unit not in {2, 3}:
        return None
    scale = 2.54 if unit == 3 else 1.0
    try:
        dpi = usable_dpi(x[0] / x[1] * scale, y[0] / y[1] * scale)
    except (ZeroDivisionError, TypeError, IndexError):
        return None
    return dpi if dpi is None or orientation < 5 else (dpi[1], dpi[0])
