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

from impasto.images.colors.color_space import color_space_of
from impasto.images.formats.bmp import from_bmp
from impasto.images.formats.heif import from_avif, from_heif
from impasto.images.formats.jpeg import from_jpeg
from impasto.images.formats.kinds import RAW, is_raw, seeming
from impasto.images.formats.pillow import from_pillow
from impasto.images.formats.png import from_png
from impasto.images.formats.tiff import from_tiff
from impasto.images.formats.webp import from_webp
from impasto.images.raster import NPY_MAGIC, Raster, TooManyPixels, Undecodable, from_npy

_LOGS: Final = ("tifffile", "PIL.TiffImagePlugin", "PIL.PngImagePlugin", "PIL.Image", "PIL.ImageFile", "imagecodecs")
_ALONE: Final = threading.Lock()
_AGAIN: Final = "copy or download it again"
_BEFORE: Final = b"\xef\xbb\xbf\r\n\t "
"""Scripts that send pictures may print a mark or empty lines before them."""

_UNKNOWN: Final = re.compile(
    r"(?i)unsupported|not supported|not implemented|cannot handle|unknown (?:mode|codec|compression|pixel)"
)


@contextlib.contextmanager
def guarded(*, max_pixels: int) -> Iterator[None]:
    """Run a decoder silently: Pillow's limit is ours, and its errors come as TooManyPixels or Undecodable.

    Pillow's limit, warning filters and loggers belong to the whole process, so one reader at a time
    changes them, and puts them back.
    """
    logs = [logging.getLogger(name) for name in _LOGS]
    with _ALONE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, silent = Image.MAX_IMAGE_PIXELS, [log.disabled for log in logs]
        # Pillow stops at twice this number; WebP takes memory for its canvas before its size can be asked.
        Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2
        for log in logs:
            log.disabled = True
        try:
            yield
        except (TooManyPixels, Undecodable):
            raise
        except Image.DecompressionBombError as error:
            pixels = re.search(r"\d+", str(error))
            raise TooManyPixels(f"{int(pixels[0]):,} pixels" if pixels is not None else "more pixels") from None
        except MemoryError:
            raise TooManyPixels("more pixels than memory holds") from None
        except Exception as error:
            # Decoders raise anything on damaged files: struct.error, SyntaxError, KeyError, their own kinds.
            raise Undecodable(_in_words(error)) from None
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            for log, before in zip(logs, silent, strict=True):
                log.disabled = before


def _in_words(error: Exception) -> str:
    """An error of a decoder in words: a kind that it does not know, or damage."""
    if isinstance(error, UnidentifiedImageError):
        return f"damaged or incomplete, or of a kind that is not supported; {_AGAIN}, or save it as PNG"
    text = " ".join(str(error).split())[:120].rstrip(".")
    if isinstance(error, NotImplementedError) or _UNKNOWN.search(text) is not None:
        return f"it is of a kind that is not supported, or damaged ({text}); save it again as PNG"
    return f"damaged or incomplete ({text if text != '' else type(error).__name__}); {_AGAIN}"


def decode(data: bytes, *, max_pixels: int) -> Raster:
    """Return the picture in a file's bytes, .npy too.

    Raises:
        TooManyPixels: The header promises more than max_pixels.
        Undecodable: It is another kind of file, of a kind that is not supported, or damaged; the message says which.
    """
    data = data.lstrip(_BEFORE)
    check_kind(data)
    with guarded(max_pixels=max_pixels):
        return _DECODERS[format_of(data) or ""](data, max_pixels=max_pixels)


def check_kind(beginning: bytes) -> None:
    """Raise Undecodable, with what a file seems to be, where its first bytes are those of no supported format."""
    beginning = beginning[:4096].lstrip(_BEFORE)
    if is_raw(beginning):
        raise Undecodable(RAW)
    if format_of(beginning) is None:
        raise Undecodable(seeming(beginning))


def format_of(data: bytes) -> str | None:
    """Return the name of a file's format by its first bytes, or None."""
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


def _from_gif(data: bytes, *, max_pixels: int) -> Raster:
    with Image.open(io.BytesIO(data), formats=["GIF"]) as image:
        return from_pillow(image, max_pixels=max_pixels, space=color_space_of(data, "GIF"))


_DECODERS: Final[dict[str, Callable[..., Raster]]] = {
    "PNG": from_png,
    "JPEG": from_jpeg,
    "WEBP": from_webp,
    "TIFF": from_tiff,
    "BMP": from_bmp,
    "GIF": _from_gif,
    "AVIF": from_avif,
    "HEIF": from_heif,
    "NPY": from_npy,
}
