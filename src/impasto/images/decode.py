"""Bytes → raster: format by content, size checked before decoding, accidents under one name."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Final

from PIL import Image, UnidentifiedImageError

from impasto.images.color_space import color_space_of
from impasto.images.deep import from_heif, from_png, from_tiff
from impasto.images.pillow import from_pillow
from impasto.images.raster import NPY_MAGIC, Raster, TooManyPixels, Undecodable, from_npy

SUPPORTED: Final = "PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC, AVIF"

_ALONE: Final = threading.Lock()
_AGAIN: Final = "copy or download it again"


@contextlib.contextmanager
def guarded(*, max_pixels: int) -> Iterator[None]:
    """Inside, Pillow's limit is ours, nothing is warned or logged, errors are TooManyPixels or Undecodable.

    Pillow's limit, warning filters and loggers belong to the whole process, so one reader at a time
    changes them, and puts them back.
    """
    log = logging.getLogger("tifffile")
    with _ALONE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, silent = Image.MAX_IMAGE_PIXELS, log.disabled
        # Pillow stops at twice this number; WebP takes memory for its canvas before its size can be asked.
        Image.MAX_IMAGE_PIXELS, log.disabled = (max_pixels + 1) // 2, True
        try:
            yield
        except (TooManyPixels, Undecodable):
            raise
        except Image.DecompressionBombError as error:
            pixels = re.search(r"\d+", str(error))
            raise TooManyPixels(f"{int(pixels[0]):,} pixels" if pixels is not None else "more pixels") from None
        except MemoryError:
            raise TooManyPixels("more pixels than memory holds") from None
        except UnidentifiedImageError:
            raise Undecodable(f"the beginning is damaged; {_AGAIN}") from None
        except Exception as error:
            # Decoders raise anything on damaged files: struct.error, SyntaxError, KeyError, their own kinds.
            raise Undecodable(f"damaged or incomplete ({_one_line(error)}); {_AGAIN}") from None
        finally:
            Image.MAX_IMAGE_PIXELS, log.disabled = limit, silent


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:120].rstrip(".") if text != "" else type(error).__name__


def decode(data: bytes, *, max_pixels: int) -> Raster:
    """The picture in a file's bytes (.npy too).  Raises TooManyPixels, or Undecodable with the reason."""
    decoder = _decoder(data)
    if decoder is None:
        raise Undecodable(f"{_kind(data)} is not one of {SUPPORTED}; convert it to PNG")
    with guarded(max_pixels=max_pixels):
        return decoder(data, max_pixels=max_pixels)


def format_of(data: bytes) -> str | None:
    """The name of the file's format by its first bytes, or None."""
    return next((name for name, pattern in _MAGIC.items() if pattern.match(data[:4096]) is not None), None)


_MAGIC: Final = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II\*\x00|MM\x00\*|II\+\x00|MM\x00\+"),
    "BMP": re.compile(rb"BM"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "AVIF": re.compile(rb"....ftyp(?:avif|avis|....(?:.{4})*?avi[fs])", re.DOTALL),
    "HEIF": re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms]|mif[12]|msf1)", re.DOTALL),
    "NPY": re.compile(re.escape(NPY_MAGIC)),
}


def _decoder(data: bytes) -> Callable[..., Raster] | None:
    name = format_of(data)
    own: dict[str, Callable[..., Raster]] = {
        "PNG": from_png,
        "TIFF": from_tiff,
        "HEIF": from_heif,
        "NPY": from_npy,
    }
    if name is None or name in own:
        return None if name is None else own[name]

    def by_pillow(data: bytes, *, max_pixels: int) -> Raster:
        with Image.open(io.BytesIO(data), formats=[name]) as image:
            return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, name))

    return by_pillow


def _kind(data: bytes) -> str:
    """What a file that is no picture seems to be."""
    start = data[:512].lstrip().lower()
    named = {
        b"<svg": "SVG",
        b"%pdf": "PDF",
        b"<!doctype html": "a web page",
        b"<html": "a web page",
        b"8bps": "PSD",
    }
    for magic, name in named.items():
        if start.startswith(magic) or (name == "SVG" and magic in start):
            return name
    with contextlib.suppress(UnicodeDecodeError):
        data[:64].decode("ascii")
        return "text"
    return "this kind of file"
