"""A pixel of each format and each way to state a colour space, against numbers reckoned by hand.

(180, 120, 90) in Display P3: light by sRGB's curve 0.45641, 0.18782, 0.10224; by the matrix of CSS Color 4 (1.2249 -0.2249 0;
-0.0420 1.0420 0; -0.0196 -0.0786 1.0983) 0.51682, 0.17654, 0.08854; by sRGB's curve 190.3, 116.6, 83.9.
In Adobe RGB: by the power 563/256 0.46487, 0.19058, 0.10123; by the matrix (1.3984 -0.3984 0; 0 1 0; 0 -0.0429 1.0429)
0.57414, 0.19058, 0.09739; 199.5, 120.8, 87.9.  By sRGB's curve and Adobe's matrix 197.8, 120.0, 88.4.
"""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image
from tests.images.stated_files import (
    ADOBE_POINTS,
    D65,
    SRGB_POINTS,
    bmp,
    chrm,
    chunk,
    cicp,
    exif,
    exif_segment,
    gama,
    gif,
    icc_segment,
    iccp,
    jpeg,
    palette_png,
    png,
    ratios,
    tiff,
    tiff_of_a_camera,
    webp,
)
from tests.images.test_read_color import red_green_swapped

from impasto.images import bands, read
from impasto.images.colors.profile import srgb_profile

STORED = (180, 120, 90)
DEEP = tuple(value * 257 for value in STORED)
AS_P3 = [190.3, 116.6, 83.9]
AS_ADOBE = [199.5, 120.8, 87.9]
AS_ADOBE_BY_SRGB_CURVE = [197.8, 120.0, 88.4]
SWAPPED = [120, 180, 90]
ADOBE = exif(0xFFFF, b"R03")
ADOBE_ENDPOINTS = tuple(value for x, y in ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)) for value in (x, y, 1 - x - y))
ADOBE_XYZ = (0.57667, 0.29734, 0.02703, 0.18556, 0.62736, 0.07069, 0.18823, 0.07529, 0.99134)
LINEAR_TABLE = (301, "H", 256, tuple(range(0, 65536, 257)), True)


def avif(pixel: tuple[int, ...], primaries: int, transfer: int, *, bits: int = 8) -> bytes:
    pixels = np.full((16, 16, 3), pixel, np.uint8 if bits == 8 else np.uint16)
    encoded: bytes = imagecodecs.avif_encode(
        pixels, level=100, bitspersample=bits, primaries=primaries, transfer=transfer, matrix=6, pixelformat="444"
    )
    return encoded


def heic(pixel: tuple[int, ...], primaries: int, transfer: int, *, bits: int = 8, full_range: int = 1) -> bytes:
    pixels = np.full((16, 16, 3), pixel, np.uint8 if bits == 8 else np.uint16)
    heif = pillow_heif.from_bytes("RGB" if bits == 8 else "RGB;16", (16, 16), pixels.tobytes())
    file = io.BytesIO()
    heif.save(
        file,
        quality=100,
        chroma=444,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=6,
        full_range_flag=full_range,
    )
    return file.getvalue()


def saved(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), STORED).save(file, kind, **options)
    return file.getvalue()


def color(data: bytes) -> list[float]:
    return [float(value) * 255 for value in read(data).rgb[:, 0, 0]]


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        pytest.param(png(STORED, cicp(12, 13)), AS_P3, 0.6, id="PNG cICP Display P3"),
        pytest.param(png(DEEP, cicp(12, 13), bits=16), AS_P3, 0.1, id="PNG cICP Display P3, 16 bits"),
        pytest.param(palette_png(STORED, cicp(12, 13)), AS_P3, 0.6, id="PNG cICP Display P3, palette"),
        pytest.param(png((255, 0, 0), cicp(12, 13)), [255, 0, 0], 0, id="PNG cICP Display P3, outside sRGB"),
        pytest.param(png((128,), cicp(12, 13)), [128] * 3, 0.6, id="PNG cICP Display P3, gray"),
        pytest.param(png((128,), cicp(9, 14)), [139.8] * 3, 0.6, id="PNG cICP BT.2020"),
        pytest.param(png((126,) * 3, cicp(1, 13, full_range=0)), [128.1] * 3, 0.6, id="PNG cICP narrow range"),
        pytest.param(png((235 * 256,), cicp(1, 13, full_range=0), bits=16), [255] * 3, 0.1, id="PNG cICP narrow range, 16 bits"),
        pytest.param(png(STORED, iccp(red_green_swapped())), SWAPPED, 1, id="PNG iCCP"),
        pytest.param(png((128,), gama(100_000)), [187.8] * 3, 0.6, id="PNG gAMA 1.0, gray"),
        pytest.param(png((128 * 257,), gama(100_000), bits=16), [187.8] * 3, 0.1, id="PNG gAMA 1.0, gray, 16 bits"),
        pytest.param(png((128,) * 3, gama(100_000)), [187.8] * 3, 0.6, id="PNG gAMA 1.0"),
        pytest.param(png(STORED, gama(45455), chrm(ADOBE_POINTS)), AS_ADOBE, 0.8, id="PNG gAMA and cHRM of Adobe RGB"),
        pytest.param(png(STORED, chrm(ADOBE_POINTS)), AS_ADOBE_BY_SRGB_CURVE, 0.6, id="PNG cHRM alone"),
        pytest.param(png((128,), chrm(ADOBE_POINTS), gama(100_000)), [187.8] * 3, 0.6, id="PNG cHRM beside gray"),
        pytest.param(png((255,) * 3, chrm(ADOBE_POINTS, (0.3457, 0.3585))), [255] * 3, 0, id="PNG cHRM with the white D50"),
        pytest.param(png(STORED, behind=chunk(b"eXIf", ADOBE)), AS_ADOBE, 0.6, id="PNG eXIf behind the pixels"),
        pytest.param(avif(STORED, 12, 13), AS_P3, 2, id="AVIF nclx Display P3"),
        pytest.param(avif((720, 480, 360), 12, 13, bits=10), AS_P3, 1, id="AVIF nclx Display P3, 10 bits"),
        pytest.param(avif((2890, 1927, 1445), 12, 13, bits=12), AS_P3, 1, id="AVIF nclx Display P3, 12 bits"),
        pytest.param(saved("AVIF", quality=100, subsampling="4:4:4", range="limited"), STORED, 2, id="AVIF limited range"),
        pytest.param(heic(STORED, 12, 13), AS_P3, 2, id="HEIC nclx Display P3"),
        pytest.param(heic(STORED, 12, 13, full_range=0), AS_P3, 2, id="HEIC nclx Display P3, limited range"),
        pytest.param(heic(DEEP, 12, 13, bits=16), AS_P3, 1, id="HEIC nclx Display P3, 10 bits"),
        pytest.param(jpeg(STORED, exif_segment(ADOBE)), AS_ADOBE, 2, id="JPEG EXIF R03"),
        pytest.param(jpeg(STORED, exif_segment(exif(2))), AS_ADOBE, 2, id="JPEG EXIF ColorSpace 2"),
        pytest.param(webp(STORED, exif=ADOBE), AS_ADOBE, 0.6, id="WebP EXIF R03"),
        pytest.param(webp(STORED, icc_profile=red_green_swapped()), SWAPPED, 1, id="WebP ICCP"),
        pytest.param(gif(STORED, red_green_swapped()), SWAPPED, 1, id="GIF ICCRGBG1012"),
        pytest.param(bmp(STORED, kind=0, endpoints=ADOBE_ENDPOINTS, power=563 / 256), AS_ADOBE, 0.6, id="BMP end points x, y, z"),
        pytest.param(bmp(STORED, kind=0, endpoints=ADOBE_XYZ, power=563 / 256), AS_ADOBE, 0.6, id="BMP end points X, Y, Z"),
        pytest.param(bmp(STORED, kind=0x4D424544, icc=red_green_swapped()), SWAPPED, 1, id="BMP with a profile"),
        pytest.param(
            tiff(STORED, tags=[ratios(319, ADOBE_POINTS), ratios(318, D65)]), AS_ADOBE_BY_SRGB_CURVE, 0.6, id="TIFF tags"
        ),
        pytest.param(
            tiff(DEEP, bits=16, tags=[ratios(319, ADOBE_POINTS), ratios(318, D65)]),
            AS_ADOBE_BY_SRGB_CURVE,
            0.1,
            id="TIFF tags, 16 bits",
        ),
        pytest.param(tiff((128,) * 3, tags=[LINEAR_TABLE]), [187.8] * 3, 0.6, id="TIFF TransferFunction"),
        pytest.param(tiff_of_a_camera(STORED, 0xFFFF, b"R03"), AS_ADOBE, 0.6, id="TIFF EXIF R03"),
    ],
)
def test_stated_colors_become_srgb(data: bytes, expected: list[float], tolerance: float) -> None:
    assert color(data) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(png(STORED, cicp(12, 13), iccp(red_green_swapped())), AS_P3, id="PNG: cICP before iCCP"),
        pytest.param(png(STORED, iccp(red_green_swapped()), chunk(b"sRGB", b"\0")), SWAPPED, id="PNG: iCCP before sRGB"),
        pytest.param(png(STORED, gama(100_000), chunk(b"sRGB", b"\0")), STORED, id="PNG: sRGB before gAMA"),
        pytest.param(png(STORED, chrm(SRGB_POINTS), gama(45455), chunk(b"eXIf", ADOBE)), STORED, id="PNG: cHRM before eXIf"),
        pytest.param(
            png(STORED, iccp(b"not a profile"), chrm(ADOBE_POINTS), gama(45470)), AS_ADOBE, id="PNG: gAMA for a bad iCCP"
        ),
        pytest.param(png(STORED, cicp(2, 2), iccp(red_green_swapped())), SWAPPED, id="PNG: iCCP for an unspecified cICP"),
        pytest.param(saved("AVIF", quality=100, icc_profile=red_green_swapped()), SWAPPED, id="AVIF: profile before nclx"),
        pytest.param(saved("JPEG", quality=100, icc_profile=srgb_profile(), exif=ADOBE), STORED, id="JPEG: profile before EXIF"),
    ],
)
def test_of_several_statements_that_of_higher_rank_counts(data: bytes, expected: list[float]) -> None:
    assert color(data) == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([gama(0)], id="gAMA 0"),
        pytest.param([gama(1)], id="gAMA 0.00001"),
        pytest.param([gama(2**32 - 1)], id="gAMA 42949"),
        pytest.param([chrm((0,) * 6, (0, 0))], id="cHRM zeros"),
        pytest.param([chrm((0.1, 0.1, 0.2, 0.2, 0.3, 0.3))], id="cHRM on a line"),
        pytest.param([chrm(SRGB_POINTS, (0.9, 0.05))], id="cHRM white outside"),
        pytest.param([chrm((40_000,) * 6)], id="cHRM enormous"),
        pytest.param([cicp(0, 0)], id="cICP reserved"),
        pytest.param([cicp(200, 200)], id="cICP unknown"),
        pytest.param([cicp(12, 13, matrix=9)], id="cICP of YCbCr"),
        pytest.param([chunk(b"cICP", b"\x0c")], id="cICP too short"),
        pytest.param([gama(100_000)[:-1] + b"\0"], id="gAMA with a wrong checksum"),
        pytest.param([iccp(b"\0" * 200)], id="iCCP of zeros"),
        pytest.param([chunk(b"iCCP", b"name\0\0not compressed")], id="iCCP not compressed"),
        pytest.param([chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")], id="eXIf broken"),
        pytest.param([cicp(1, 13)], id="cICP sRGB"),
        pytest.param([cicp(1, 1)], id="cICP of SDR video"),
        pytest.param([gama(45455), chrm(SRGB_POINTS)], id="gAMA and cHRM of sRGB"),
        pytest.param([gama(45000)], id="gAMA 0.45"),
        pytest.param([chrm((0.6401, 0.3299, 0.3, 0.6, 0.15, 0.0601), (0.31270, 0.32902))], id="cHRM of sRGB, rounded"),
        pytest.param([iccp(srgb_profile())], id="own profile"),
    ],
)
def test_srgb_and_nonsense_leave_every_code_as_it_is(said: list[bytes]) -> None:
    for code in range(0, 256, 5):
        pixel = (code, 255 - code, 90, 77)
        picture = read(png(pixel, *said))
        assert picture.alpha is not None
        assert [*(picture.rgb[:, 0, 0] * 255).tolist(), float(picture.alpha[0, 0]) * 255] == pytest.approx(pixel, abs=1e-4)


def test_chunk_behind_the_pixels_is_ignored() -> None:
    assert color(png(STORED, behind=gama(100_000))) == pytest.approx(STORED)


@pytest.mark.parametrize(("bits", "full"), [(8, 255), (16, 65535)])
def test_alpha_is_no_color(bits: int, full: int) -> None:
    picture = read(png((full, full // 2, 0, full // 5), gama(100_000), bits=bits))
    assert picture.alpha is not None
    assert float(picture.alpha[0, 0]) == pytest.approx(0.2)
    assert float(picture.rgb[1, 0, 0]) * 255 == pytest.approx(187.5, abs=0.6)


@pytest.mark.parametrize(
    ("data", "is_adobe"),
    [
        (exif(1, b"R03"), False),
        (exif(0xFFFF, b"R98"), False),
        (exif(0xFFFF), False),
        (exif(None, b"R03"), True),
        (exif(0xFFFF, b"R03", kind=7), True),
    ],
)
def test_exif_names_adobe_rgb_by_r03_unless_it_names_srgb(data: bytes, is_adobe: bool) -> None:
    assert color(jpeg(STORED, exif_segment(data))) == pytest.approx(AS_ADOBE if is_adobe else STORED, abs=2)


@pytest.mark.parametrize(
    ("numbers", "is_whole"), [((1, 2), True), ((2, 1), True), ((1, 1), False), ((1, 3), False), ((2,), False)]
)
def test_profile_in_parts_counts_when_it_is_whole(numbers: tuple[int, ...], is_whole: bool) -> None:
    icc = red_green_swapped()
    parts = {1: icc[:300], 2: icc[300:], 3: b""}
    data = jpeg(STORED, *(icc_segment(parts[number], number, 2) for number in numbers))
    assert color(data) == pytest.approx(SWAPPED if is_whole else STORED, abs=2)


def test_gray_pixels_beside_an_rgb_profile_keep_its_curve() -> None:
    primaries = (0.64, 0.33, 1, 0.30, 0.60, 1, 0.15, 0.06, 1)
    linear = imagecodecs.cms_profile("rgb", whitepoint=(*D65, 1), primaries=primaries, gamma=1.0)
    assert color(png((128,), iccp(linear))) == pytest.approx([188] * 3, abs=1)
    assert color(png((128 * 257,), iccp(linear), bits=16)) == pytest.approx([188] * 3, abs=1)


def test_gray_profile_beside_rgb_pixels_counts_where_all_are_gray() -> None:
    linear = imagecodecs.cms_profile("gray", gamma=1.0)
    assert color(png((128,) * 3, iccp(linear))) == pytest.approx([188] * 3, abs=1)
    assert color(png((128 * 257,) * 3, iccp(linear), bits=16)) == pytest.approx([188] * 3, abs=1)


@pytest.mark.parametrize("kind", [b"link", b"abst", b"nmcl"])
def test_profile_that_does_not_describe_pixels_is_ignored(kind: bytes) -> None:
    profile = red_green_swapped()
    assert color(png(STORED, iccp(profile[:12] + kind + profile[16:]))) == pytest.approx(STORED)


def test_profile_that_makes_white_black_is_ignored() -> None:
    profile = bytearray(srgb_profile())
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        if bytes(profile[entry : entry + 4]) in {b"rXYZ", b"gXYZ", b"bXYZ"}:
            offset = int.from_bytes(profile[entry + 4 : entry + 8], "big")
            profile[offset + 8 : offset + 20] = bytes(12)
    assert color(png(STORED, iccp(bytes(profile)))) == pytest.approx(STORED)
    assert color(png(DEEP, iccp(bytes(profile)), bits=16)) == pytest.approx(STORED)


def test_image_in_memory_states_its_colors_in_info() -> None:
    with Image.open(io.BytesIO(png((128,), gama(100_000)))) as image:
        assert [float(value) * 255 for value in read(image).rgb[:, 0, 0]] == pytest.approx([188] * 3, abs=0.6)


@pytest.mark.parametrize("bits", [8, 16])
def test_gray_profile_beside_a_picture_with_any_color_is_ignored_in_all_bands(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.full((6, 1, 3), 128, f"u{bits // 8}")
    codes[-1, 0, 0] = 200
    pixels = imagecodecs.png_encode(codes)
    data = pixels[:33] + iccp(imagecodecs.cms_profile("gray", gamma=1.0)) + pixels[33:]
    monkeypatch.setattr(bands, "MOST_ROWS", 2)
    assert np.array_equal(read(data).pixels, codes)


@pytest.mark.parametrize("bits", [8, 16])
def test_bands_change_no_pixel_of_a_bright_picture(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(5).integers(0, 2**bits, (40, 16, 3)).astype(f">u{bits // 8}")
    pixels = imagecodecs.png_encode(codes.astype(f"u{bits // 8}"))
    data = pixels[:33] + cicp(9, 16) + pixels[33:]
    whole = read(data).rgb
    monkeypatch.setattr(bands, "MOST_ROWS", 3)
    assert read(data).rgb.equal(whole)
