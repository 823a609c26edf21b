"""Sixteen bits stay sixteen bits."""

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from impasto.images import Picture, read

RANDOM = np.random.default_rng(0)
DEEP = RANDOM.integers(1, 65536, (5, 7, 4), dtype=np.uint16)


def as_sixteen(picture: Picture) -> np.ndarray:
    planes = [*picture.rgb] if picture.alpha is None else [*picture.rgb, picture.alpha]
    return (np.stack([plane.numpy() for plane in planes], -1) * 65535).round().astype(np.uint16)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_every_bit(channels: int) -> None:
    pixels = np.ascontiguousarray(DEEP[..., :channels])
    picture = read(imagecodecs.png_encode(pixels))
    assert picture.bits == 16
    color, alpha = (pixels[..., :-1], pixels[..., -1:]) if channels in {2, 4} else (pixels, pixels[..., :0])
    expected = np.concatenate([np.broadcast_to(color, (5, 7, 3)), alpha], -1)
    assert np.array_equal(as_sixteen(picture), expected)


def test_color_marked_transparent_in_sixteen_bit_png_becomes_alpha() -> None:
    pixels = np.ascontiguousarray(DEEP[..., :3])
    pixels[0, 0] = (1, 2, 3)
    png = imagecodecs.png_encode(pixels)
    picture = read(png[:33] + chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)) + png[33:])
    assert picture.alpha is not None
    assert picture.alpha.flatten().tolist() == [0] + [1] * 34


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "compression": "zlib", "byteorder": ">"},
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_tiff_keeps_every_bit_however_stored(options: dict[str, Any], channels: int) -> None:
    pixels = np.ascontiguousarray(DEEP[..., :channels])
    stored = np.ascontiguousarray(pixels.transpose(2, 0, 1)) if "planarconfig" in options else pixels
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    picture = read(tiff(stored, photometric="rgb", **options, **extra))
    assert picture.bits == 16
    assert np.array_equal(as_sixteen(picture), pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_keeps_every_bit(kind: str) -> None:
    file = io.BytesIO()
    Image.fromarray(DEEP[..., 0]).save(file, kind)
    assert np.array_equal(as_sixteen(read(file.getvalue()))[..., 1], DEEP[..., 0])


def test_pillows_wide_gray_tiff_holds_sixteen_bits() -> None:
    file = io.BytesIO()
    Image.fromarray(DEEP[..., 0].astype(np.int32)).save(file, "TIFF")
    assert np.array_equal(as_sixteen(read(file.getvalue()))[..., 0], DEEP[..., 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_tiff_in_unit_range_reads_as_it_is(dtype: Any) -> None:
    values = (DEEP[..., 0] / 65535).astype(dtype)
    picture = read(tiff(values))
    assert picture.bits == 16
    assert np.array_equal(picture.rgb[0].numpy(), values.astype(np.float32))


def test_white_is_zero_tiff_is_inverted() -> None:
    picture = read(tiff(DEEP[..., 0].copy(), photometric="miniswhite"))
    assert np.array_equal(as_sixteen(picture)[..., 0], 65535 - DEEP[..., 0])


def test_associated_alpha_is_divided_out() -> None:
    pixels = np.full((4, 4, 4), (10000, 20000, 30000, 32768), np.uint16)
    picture = read(tiff(pixels, photometric="rgb", extrasamples=["assocalpha"]))
    assert as_sixteen(picture)[0, 0].tolist() == pytest.approx([20000, 39999, 59999, 32768], abs=1)


def test_first_of_two_sixteen_bit_pages_is_read() -> None:
    pages = np.stack([DEEP[..., :3], DEEP[::-1, :, :3]])
    assert np.array_equal(as_sixteen(read(tiff(pages, photometric="rgb"))), DEEP[..., :3])


def test_sixteen_bit_cmyk_without_profile_reads_as_paper_minus_ink() -> None:
    picture = read(tiff(np.full((4, 4, 4), (65535, 0, 0, 13107), np.uint16), photometric="separated"))
    assert as_sixteen(picture)[0, 0].tolist() == pytest.approx([0, 52428, 52428], abs=1)


def test_ten_bit_heic_reads_with_its_depth() -> None:
    import pillow_heif

    pixels = np.full((64, 64, 3), (65535, 25700, 12850), np.uint16)
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 64), pixels.tobytes()).save(file, quality=-1)
    picture = read(file.getvalue())
    assert picture.bits == 16
    assert as_sixteen(picture)[0, 0].tolist() == pytest.approx([65535, 25700, 12850], abs=100)
