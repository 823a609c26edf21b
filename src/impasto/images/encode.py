"""Picture → a file's bytes: quantised once, profile and manifest inside; equal pictures, equal bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import OutputError
from impasto.images.bands import bands
from impasto.images.colors.profile import srgb_profile
from impasto.images.embed import exif_with, png_with

Bits = Literal[8, 16]


@dataclass(frozen=True)
class Format:
    """The abilities of a kind of file."""

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

CLASSIC_TIFF_BYTES: Final = 3_900_000_000
"""Raw pixels beyond which a TIFF becomes a BigTIFF: a classic one ends at 4 GiB, and noise does not shrink by compression."""


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
    """Return the bytes of a file of this extension (".png").

    `rgb`: [3, H, W] or [1, 3, H, W], sRGB-encoded, 0..1; `alpha`: [H, W], 0..1, laid over white for JPEG.
    `quality`, 1..100, is JPEG's and WebP's; WebP at 100 is lossless.  A manifest too long for JPEG
    (64 KiB with its frame) is left out: the one beside the file has it.
    Raises OutputError for what the format cannot hold.
    """
    file = io.BytesIO()
    save(file, rgb, format, alpha=alpha, bits=bits, quality=quality, dpi=dpi, manifest=manifest)
    return file.getvalue()


def save(
    file: BinaryIO,
    rgb: Tensor,
    format: str,  # noqa: A002 - the word for it
    *,
    alpha: Tensor | None = None,
    bits: int = 8,
    quality: int = 95,
    dpi: tuple[float, float] | None = None,
    manifest: str | None = None,
) -> None:
    """Write the bytes that `encode` returns to a file open for writing; raises the file's OSError too."""
    image = _checked(rgb, alpha)
    kind = check_format(format, bits=bits, size=(image.shape[1], image.shape[2]))
    match kind.name:
        case "PNG":
            _png(file, quantized(image, alpha, bits=bits), dpi, manifest)
        case "TIFF":
            _tiff(file, image, alpha, bits=bits, dpi=dpi, manifest=manifest)
        case "WebP":
            exif = exif_with(manifest, dpi=dpi)
            options = {"quality": quality, "lossless": quality == 100, "exact": True, "exif": exif}
            _by_pillow(file, to_pil(image, alpha), "WEBP", **options)
        case _:
            exif = exif_with(manifest, max_bytes=65533)
            # JPEG counts whole dots in 16 bits.
            fits = dpi is not None and all(1 <= round(value) <= 65535 for value in dpi)
            density = {"dpi": tuple(map(round, dpi))} if dpi is not None and fits else {}
            # Not `optimize`: with it, Pillow's buffer is too small for large noisy pictures.
            over_white = _image(image, alpha, mode="RGB")
            _by_pillow(file, over_white, "JPEG", quality=quality, subsampling=0, exif=exif, **density)


def check_format(extension: str, *, bits: int, size: tuple[int, int] | None = None) -> Format:
    """Return the format of an extension; raises OutputError for an unknown one, a depth or a size (height, width) beyond it."""
    kind = FORMATS.get(extension.lower())
    if kind is None:
        raise OutputError(f"there is no format {extension!r}; choose from {', '.join(FORMATS)}", extension=extension)
    if bits not in kind.bits:
        held = " or ".join(map(str, kind.bits))
        raise OutputError(f"{kind.name} holds {held} bits a channel, not {bits}; write PNG or TIFF with 8 or 16", bits=bits)
    if size is not None and max(size) > kind.max_side_px:
        raise OutputError(
            f"{kind.name} holds at most {kind.max_side_px} px a side, the picture is {size[1]}x{size[0]}; write PNG or TIFF",
            size=size,
        )
    return kind


def to_pil(rgb: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """An 8-bit image, RGB or RGBA, of rgb [3, H, W] or [1, 3, H, W] and alpha [H, W], both 0..1."""
    return _image(_checked(rgb, alpha), alpha, mode="RGB" if alpha is None else "RGBA")


def quantized(rgb: Tensor, alpha: Tensor | None, *, bits: int) -> np.ndarray:
    """[H, W, 3 or 4], uint8 or uint16, clamped, rounded.  Raises OutputError: NaN, wrong shape."""
    image = _checked(rgb, alpha)
    height, width = image.shape[1:]
    pixels = np.empty((height, width, 3 if alpha is None else 4), np.uint8 if bits == 8 else np.uint16)
    for rows in bands(height, width):
        pixels[rows] = _band(image, alpha, rows, bits=bits)
    return pixels


def _checked(rgb: Tensor, alpha: Tensor | None) -> Tensor:
    """The picture, [3, H, W]; raises OutputError when it or alpha has another shape."""
    image = rgb[0] if rgb.ndim == 4 and rgb.shape[0] == 1 else rgb
    if image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise OutputError(f"expected a picture [3, H, W], got {list(rgb.shape)}")
    if alpha is not None and alpha.shape != image.shape[1:]:
        raise OutputError(f"expected alpha {list(image.shape[1:])} like the picture, got {list(alpha.shape)}")
    return image.detach()


def _band(image: Tensor, alpha: Tensor | None, rows: slice, *, bits: int) -> np.ndarray:
    """Some rows of what `quantized` gives."""
    planes = image[:, rows] if alpha is None else torch.cat([image[:, rows], alpha[None, rows].to(image)])
    values = planes.to("cpu", torch.float32)
    if bool(values.isnan().any()):
        raise OutputError("the picture holds NaN (not a number), which no file can show")
    full = 2**bits - 1
    whole: np.ndarray = (values.clamp(0, 1) * full + 0.5).floor().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(whole, dtype=np.uint8 if bits == 8 else np.uint16)


def _image(image: Tensor, alpha: Tensor | None, *, mode: Literal["RGB", "RGBA"]) -> Image.Image:
    """The picture as an 8-bit image; alpha is laid over white where the mode has none."""
    height, width = image.shape[1:]
    whole = Image.new(mode, (width, height), None)
    for rows in bands(height, width):
        if alpha is not None and mode == "RGB":
            cover = alpha[rows].to(image)
            band = _band(image[:, rows] * cover + (1 - cover), None, slice(None), bits=8)
        else:
            band = _band(image, alpha, rows, bits=8)
        whole.paste(Image.fromarray(band), (0, rows.start))
    return whole


def _png(file: BinaryIO, pixels: np.ndarray, dpi: tuple[float, float] | None, manifest: str | None) -> None:
    import imagecodecs

    png = memoryview(imagecodecs.png_encode(pixels))
    for part in png_with(png, icc=srgb_profile(), dpi=dpi, manifest=manifest):
        file.write(part)


def _tiff(
    file: BinaryIO,
    image: Tensor,
    alpha: Tensor | None,
    *,
    bits: int,
    dpi: tuple[float, float] | None,
    manifest: str | None,
) -> None:
    """In strips of about 256 KiB, each compressed by itself; whoever reads a part need not read all."""
    import tifffile

    height, width = image.shape[1:]
    channels = 3 if alpha is None else 4
    row_bytes = width * channels * bits // 8
    strip_rows = max(1, 2**18 // row_bytes)
    tifffile.imwrite(
        file,
        _strips(image, alpha, strip_rows, bits=bits),
        shape=(height, width, channels),
        dtype=np.uint8 if bits == 8 else np.uint16,
        rowsperstrip=strip_rows,
        bigtiff=height * row_bytes > CLASSIC_TIFF_BYTES,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=None if alpha is None else ["unassalpha"],
        iccprofile=srgb_profile(),
        resolution=dpi,
        resolutionunit=None if dpi is None else "INCH",
        description=None if manifest is None else manifest.encode("utf-8"),
        metadata=None,
        software=False,
    )


def _strips(image: Tensor, alpha: Tensor | None, strip_rows: int, *, bits: int) -> Iterator[bytes]:
    """The strips of a TIFF, each row as differences between neighbours, then deflated."""
    import imagecodecs

    height = image.shape[1]
    for top in range(0, height, strip_rows):
        band = _band(image, alpha, slice(top, min(top + strip_rows, height)), bits=bits)
        yield bytes(imagecodecs.zlib_encode(imagecodecs.delta_encode(band, axis=-2).tobytes()))


def _by_pillow(file: BinaryIO, image: Image.Image, name: str, **options: Any) -> None:
    try:
        image.save(file, name, icc_profile=srgb_profile(), **options)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the place, not the picture
        raise OutputError(f"the picture cannot be written as {name}: {error}; write PNG or TIFF") from None
