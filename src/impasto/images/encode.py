"""Picture → a file's bytes: quantised once, profile and manifest inside; equal pictures, equal bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import OutputError
from impasto.images.color import srgb_profile
from impasto.images.embed import exif_with, png_with

Bits = Literal[8, 16]


@dataclass(frozen=True)
class Format:
    """What a kind of file can hold."""

    name: str
    bits: tuple[int, ...]
    alpha: bool
    max_side_px: int


_PNG: Final = Format("PNG", (8, 16), alpha=True, max_side_px=2**31 - 1)
_JPEG: Final = Format("JPEG", (8,), alpha=False, max_side_px=65500)
_WEBP: Final = Format("WebP", (8,), alpha=True, max_side_px=16383)
_TIFF: Final = Format("TIFF", (8, 16), alpha=True, max_side_px=2**31 - 1)

FORMATS: Final = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": _WEBP, ".tif": _TIFF, ".tiff": _TIFF}
"""By extension, in lower case."""


def encode(
    rgb: Tensor,
    format: str,  # noqa: A002 - the word for it
    *,
    alpha: Tensor | None = None,
    bits: int = 8,
    quality: int = 95,
    dpi: tuple[float, float] | None = None,
    manifest: str | None = None,
) -> bytes:
    """The bytes of a file of this extension (".png").

    `rgb`: [3, H, W] or [1, 3, H, W], sRGB-encoded, 0..1; `alpha`: [H, W], 0..1, laid over white for JPEG.
    `quality`, 1..100, is JPEG's and WebP's; WebP at 100 is lossless.  A manifest too long for JPEG
    (64 KiB with its frame) is left out: the one beside the file has it.
    Raises OutputError for what the format cannot hold.
    """
    kind = check_format(format, bits=bits)
    height, width = rgb.shape[-2:]
    if max(height, width) > kind.max_side_px:
        raise OutputError(
            f"{kind.name} holds at most {kind.max_side_px} px a side, the picture is {width}x{height}; write PNG or TIFF"
        )
    if not kind.alpha and alpha is not None:
        rgb, alpha = rgb.reshape(3, height, width) * alpha + (1 - alpha), None
    pixels = quantized(rgb, alpha, bits=bits)
    match kind.name:
        case "PNG":
            return _png(pixels, dpi, manifest)
        case "TIFF":
            return _tiff(pixels, dpi, manifest)
        case "WebP":
            exif = exif_with(manifest, dpi=dpi)
            return _by_pillow(pixels, "WEBP", quality=quality, lossless=quality == 100, exact=True, exif=exif)
        case _:
            exif = exif_with(manifest, max_bytes=65533)
            # JPEG counts whole dots in 16 bits.
            fits = dpi is not None and all(1 <= round(value) <= 65535 for value in dpi)
            density = {"dpi": tuple(map(round, dpi))} if dpi is not None and fits else {}
            # Not `optimize`: with it, Pillow's buffer is too small for large noisy pictures.
            return _by_pillow(pixels, "JPEG", quality=quality, subsampling=0, exif=exif, **density)


def check_format(extension: str, *, bits: int) -> Format:
    """The format of an extension; raises OutputError for unknown ones and for depths it has not."""
    kind = FORMATS.get(extension.lower())
    if kind is None:
        raise OutputError(f"there is no format {extension!r}; choose from {', '.join(FORMATS)}", extension=extension)
    if bits not in kind.bits:
        held = " or ".join(map(str, kind.bits))
        raise OutputError(f"{kind.name} holds {held} bits a channel, not {bits}; write PNG or TIFF with 8 or 16", bits=bits)
    return kind


def to_pil(rgb: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """An 8-bit image, RGB or RGBA, of rgb [3, H, W] or [1, 3, H, W] and alpha [H, W], both 0..1."""
    return Image.fromarray(quantized(rgb, alpha, bits=8))


def quantized(rgb: Tensor, alpha: Tensor | None, *, bits: int) -> np.ndarray:
    """[H, W, 3 or 4], uint8 or uint16, clamped, rounded.  Raises OutputError: NaN, wrong shape."""
    image = rgb[0] if rgb.ndim == 4 and rgb.shape[0] == 1 else rgb
    if image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise OutputError(f"expected a picture [3, H, W], got {list(rgb.shape)}")
    if alpha is not None and alpha.shape != image.shape[1:]:
        raise OutputError(f"expected alpha {list(image.shape[1:])} like the picture, got {list(alpha.shape)}")
    planes = image if alpha is None else torch.cat([image, alpha[None].to(image)])
    values = planes.detach().to("cpu", torch.float32)
    if bool(values.isnan().any()):
        raise OutputError("the picture holds NaN (not a number), which no file can show")
    full = 2**bits - 1
    whole = (values.clamp(0, 1) * full + 0.5).floor()
    return np.ascontiguousarray(whole.permute(1, 2, 0).numpy().astype(np.uint8 if bits == 8 else np.uint16))


def _png(pixels: np.ndarray, dpi: tuple[float, float] | None, manifest: str | None) -> bytes:
    import imagecodecs

    return png_with(bytes(imagecodecs.png_encode(pixels)), icc=srgb_profile(), dpi=dpi, manifest=manifest)


def _tiff(pixels: np.ndarray, dpi: tuple[float, float] | None, manifest: str | None) -> bytes:
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixels,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=None if pixels.shape[2] == 3 else ["unassalpha"],
        iccprofile=srgb_profile(),
        resolution=dpi,
        resolutionunit=None if dpi is None else "INCH",
        description=None if manifest is None else manifest.encode("utf-8"),
        metadata=None,
        software=False,
    )
    return file.getvalue()


def _by_pillow(pixels: np.ndarray, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    try:
        Image.fromarray(pixels).save(file, name, icc_profile=srgb_profile(), **options)
    except (OSError, ValueError) as error:
        raise OutputError(f"the picture cannot be written as {name}: {error}; write PNG or TIFF") from None
    return file.getvalue()
