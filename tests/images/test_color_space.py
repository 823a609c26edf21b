"""What a file states, and that nothing in it can make the question fail."""

from __future__ import annotations

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import Image
from tests.images.stated_files import (
    ADOBE_POINTS,
    bmp,
    box,
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
    png,
    ratios,
    tiff,
    tiff_of_a_camera,
    webp,
)

from impasto.images.colors.color_space import SRGB, ColorSpace, color_space_of
from impasto.images.colors.containers.bmff import bits_per_channel
from impasto.images.colors.primaries import ADOBE_RGB, BT709, BY_CICP, DISPLAY_P3, Primaries
from impasto.images.colors.profile import srgb_profile
from impasto.images.colors.transfer import Powers

PIXEL = (180, 120, 90)
ICC = srgb_profile()
ADOBE_POWERS = Powers(563 / 256, 563 / 256, 563 / 256)


def nclx(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx" + struct.pack(">3HB", primaries, transfer, 6, 0x80))


def heif(properties: list[bytes], items: dict[int, list[int]], *, primary: int, tiles: bytes = b"", wide: bool = False) -> bytes:
    """A file without pixels: `items` name their properties by numbers from 1; `wide` takes the longer form of each field."""
    number, index = ("I", "H") if wide else ("H", "B")
    essential = 0x8000 if wide else 0x80
    entries = b"".join(
        struct.pack(f">{number}B{len(given)}{index}", item, len(given), *(place | essential for place in given))
        for item, given in items.items()
    )
    associations = box(b"ipma", bytes([int(wide), 0, 0, int(wide)]) + struct.pack(">I", len(items)) + entries)
    boxes = [
        box(b"hdlr", bytes(24)),
        box(b"pitm", bytes([int(wide), 0, 0, 0]) + struct.pack(f">{number}", primary)),
        box(b"iprp", box(b"ipco", b"".join(properties)) + associations),
        box(b"iref", bytes(4) + tiles),
    ]
    meta = bytes(4) + b"".join(boxes)
    long = struct.pack(">I4sQ", 1, b"meta", 16 + len(meta)) + meta
    return box(b"ftyp", b"heic\0\0\0\0mif1") + (long if wide else box(b"meta", meta)) + struct.pack(">I4s", 0, b"mdat")


@pytest.mark.parametrize("wide", [False, True])
def test_the_primary_picture_speaks_for_a_heif_file(wide: bool) -> None:
    data = heif(
        [nclx(1, 13), nclx(12, 13), box(b"pixi", bytes([0, 0, 0, 0, 3, 10, 10, 10]))], {1: [1], 7: [2, 3]}, primary=7, wide=wide
    )
    assert color_space_of(data, "HEIF") == ColorSpace(primaries=DISPLAY_P3)
    assert bits_per_channel(data) == 10


def test_tiles_speak_for_a_grid_that_says_nothing() -> None:
    grid = box(b"dimg", struct.pack(">4H", 5, 2, 1, 2))
    data = heif([box(b"ispe", bytes(12)), nclx(12, 13)], {1: [2], 2: [2], 5: [1]}, primary=5, tiles=grid)
    assert color_space_of(data, "HEIF") == ColorSpace(primaries=DISPLAY_P3)


def test_profile_and_nclx_are_both_kept_and_the_profile_goes_first() -> None:
    data = heif([nclx(12, 13), box(b"colr", b"prof" + ICC)], {1: [1, 2]}, primary=1)
    assert color_space_of(data, "AVIF") == ColorSpace(icc=ICC, primaries=DISPLAY_P3)


def test_sequence_without_a_primary_picture_speaks_by_its_track() -> None:
    entry = box(b"av01", bytes(78) + nclx(12, 13))
    data = box(b"stsd", bytes(8) + entry)
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        data = box(name, data)
    assert color_space_of(box(b"ftyp", b"avis\0\0\0\0avis") + data, "AVIF") == ColorSpace(primaries=DISPLAY_P3)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_exif_counts_in_heif_and_avif_where_colr_says_nothing(kind: str) -> None:
    file = io.BytesIO()
    image = Image.new("RGB", (16, 16), PIXEL)
    block = b"Exif\0\0" + exif(0xFFFF, b"R03")
    if kind == "AVIF":
        image.save(file, "AVIF", exif=block)
    else:
        pillow_heif.from_pillow(image).save(file, exif=block)
    place = file.getvalue().index(b"colrnclx")
    silent = file.getvalue().replace(b"colrnclx", b"skipnclx")
    unspecified = file.getvalue()[: place + 8] + bytes([0, 2, 0, 2]) + file.getvalue()[place + 12 :]
    for data in (silent, unspecified):
        assert color_space_of(data, kind) == ColorSpace(primaries=ADOBE_RGB, transfer=ADOBE_POWERS)
    assert color_space_of(file.getvalue(), kind) == SRGB


@pytest.mark.parametrize(
    ("transfer", "expected"), [(1, None), (6, None), (13, None), (2, None), (14, "bt709"), (16, "pq"), (18, "hlg")]
)
def test_transfer_functions_that_encoders_state_around_srgb_are_srgb(transfer: int, expected: str | None) -> None:
    assert color_space_of(png(PIXEL, cicp(1, transfer)), "PNG").transfer == expected


def test_every_primary_color_of_h273_takes_white_to_white() -> None:
    for primaries in BY_CICP.values():
        assert primaries.is_sound()
        assert primaries.to_linear_srgb() @ np.ones(3) == pytest.approx([1, 1, 1], abs=1e-9)


def test_matrices_are_those_published() -> None:
    """CSS Color 4's sample code, by way of XYZ."""
    display_p3 = [[1.2249, -0.2249, 0], [-0.0420, 1.0420, 0], [-0.0196, -0.0786, 1.0983]]
    adobe_rgb = [[1.3984, -0.3984, 0], [0, 1, 0], [0, -0.0429, 1.0429]]
    assert DISPLAY_P3.to_linear_srgb() == pytest.approx(np.array(display_p3), abs=1e-4)
    assert ADOBE_RGB.to_linear_srgb() == pytest.approx(np.array(adobe_rgb), abs=1e-4)
    assert BT709.luminances() == pytest.approx([0.2126, 0.7152, 0.0722], abs=1e-4)


@pytest.mark.parametrize(
    "primaries",
    [
        Primaries((float("nan"), 0.33), (0.3, 0.6), (0.15, 0.06)),
        Primaries((0.64, 0.33), (0.64, 0.33), (0.15, 0.06)),
        Primaries((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), (0.3, 0.0)),
        Primaries((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), (0.7, 0.29)),
    ],
)
def test_primaries_that_span_nothing_are_not_sound(primaries: Primaries) -> None:
    assert not primaries.is_sound()


def test_tags_of_a_tiff_count_before_its_exif() -> None:
    tags = [ratios(319, ADOBE_POINTS), ratios(318, (0.3127, 0.329))]
    assert color_space_of(tiff_of_a_camera(PIXEL, 1, b"R98", tags=tags), "TIFF") == ColorSpace(primaries=ADOBE_RGB)
    assert color_space_of(tiff_of_a_camera(PIXEL, 1, b"R98"), "TIFF") == SRGB


def samples() -> dict[str, tuple[str, bytes]]:
    """A file of each format with each statement."""
    pixels = np.full((16, 16, 3), 90, np.uint8)
    said: Any = [ratios(319, ADOBE_POINTS), ratios(318, (0.3127, 0.329)), (301, "H", 256, tuple(range(256)), True)]
    return {
        "png": (
            "PNG",
            png(PIXEL, cicp(12, 13), iccp(ICC), gama(45455), chrm(ADOBE_POINTS), chunk(b"eXIf", exif(0xFFFF, b"R03"))),
        ),
        "jpeg": ("JPEG", jpeg(PIXEL, exif_segment(exif(0xFFFF, b"R03")), icc_segment(ICC, 1, 1))),
        "webp": ("WEBP", webp(PIXEL, exif=exif(2), icc_profile=ICC)),
        "gif": ("GIF", gif(PIXEL, ICC)),
        "bmp": ("BMP", bmp(PIXEL, kind=0x4D424544, icc=ICC)),
        "calibrated bmp": ("BMP", bmp(PIXEL, kind=0, endpoints=(0.64, 0.33, 0.03, 0.3, 0.6, 0.1, 0.15, 0.06, 0.79), power=1.8)),
        "tiff": ("TIFF", tiff(PIXEL, tags=said)),
        "camera's tiff": ("TIFF", tiff_of_a_camera(PIXEL, 0xFFFF, b"R03")),
        "avif": ("AVIF", imagecodecs.avif_encode(pixels, primaries=12, transfer=13)),
        "heif": ("HEIF", heif([nclx(12, 13), box(b"colr", b"prof" + ICC)], {1: [1, 2]}, primary=1)),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", samples())
def test_damage_is_no_error(name: str) -> None:
    kind, data = samples()[name]
    random = np.random.default_rng(len(name))
    for _ in range(150):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 1 + random.integers(4)):
            damaged[place] = random.integers(256)
        assert isinstance(color_space_of(bytes(damaged), kind), ColorSpace)
        assert isinstance(color_space_of(data[: random.integers(len(data))], kind), ColorSpace)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "unknown"])
def test_no_bytes_state_srgb(kind: str) -> None:
    assert color_space_of(b"", kind) == SRGB
