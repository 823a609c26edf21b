"""TIFF: which page is the picture, every kind of sample, and camera raw files, which are none."""

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.odd.by_hand import page, tiff

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.images import read

RANDOM = np.random.default_rng(12)
SMALL = RANDOM.integers(0, 256, (12, 16, 3), dtype=np.uint8)
LARGE = RANDOM.integers(0, 256, (30, 40, 3), dtype=np.uint8)
PREVIEW, OLD_PREVIEW, MASK = {"t254": 1}, {"t255": 2}, {"t254": 4}
CFA, LINEAR_RAW = 32803, 34892


def by_tifffile(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "pages",
    [
        [page(SMALL, **PREVIEW), page(LARGE)],
        [page(SMALL, **OLD_PREVIEW), page(LARGE)],
        [page(SMALL), page(LARGE)],
        [page(LARGE), page(SMALL)],
        [page(LARGE), page(LARGE[::-1])],
        [page(np.repeat(LARGE, 2, 0), **PREVIEW), page(LARGE)],
        [page(np.repeat(LARGE, 2, 0)[..., :1], photometric=4, **MASK), page(LARGE)],
        [page(SMALL, **PREVIEW) | {330: [page(LARGE)]}],
        [page(SMALL, **PREVIEW) | {330: [page(SMALL[::-1], **PREVIEW), page(LARGE)]}],
        [page(LARGE) | {330: [page(SMALL, **PREVIEW)]}],
        [page(LARGE, **PREVIEW)],
    ],
    ids=range(11),
)
def test_the_picture_is_the_largest_page_that_is_neither_preview_nor_mask(pages: list[Any]) -> None:
    assert np.array_equal(read(tiff(pages)).pixels, LARGE)


def test_a_damaged_page_behind_the_picture_does_not_stop_it() -> None:
    data = bytearray(tiff([page(LARGE), page(SMALL)]))
    link = len(data) - 4 - len(page(SMALL)) * 12 - 12 - 2
    whole = tiff([page(LARGE)])
    at = len(whole) - 4
    assert np.array_equal(read(whole[:at] + struct.pack("<I", 2**31)).pixels, LARGE)
    assert link > 0
    circle = struct.pack("<I", struct.unpack("<I", whole[4:8])[0])
    assert np.array_equal(read(whole[:at] + circle).pixels, LARGE), "a page that leads back to itself"


def test_a_preview_is_not_taken_where_the_picture_itself_is_damaged() -> None:
    without_inner = tiff([page(SMALL, **PREVIEW) | {330: [2**31]}])
    chain = tiff([page(SMALL, **PREVIEW), page(LARGE)])
    second = chain.index(struct.pack("<HHII", 256, 4, 1, 40)) - 2
    for data in (without_inner, chain[:second]):
        with pytest.raises(UnreadableImage, match="only a preview is left of it"):
            read(data)


def test_the_profile_and_the_orientation_are_the_pages_own() -> None:
    pages = [page(SMALL, t254=1, t274=3), page(LARGE, t274=6)]
    assert np.array_equal(read(tiff(pages)).pixels, np.rot90(LARGE, -1))


RAW = {
    "DNG": [page(SMALL, **PREVIEW, t50706=bytes([1, 4, 0, 0])) | {330: [page(LARGE[..., :1], photometric=CFA)]}],
    "a mosaic in a page of the first page": [page(SMALL, **PREVIEW) | {330: [page(LARGE[..., :1], photometric=CFA)]}],
    "a mosaic in the second page": [page(SMALL), page(LARGE[..., :1], photometric=CFA)],
    "linear raw data": [page(LARGE, photometric=LINEAR_RAW)],
    "Nikon's coding": [page(SMALL, **PREVIEW) | {330: [page(LARGE[..., :1], photometric=1, t259=34713)]}],
    "Sony's coding": [page(SMALL, **PREVIEW) | {330: [page(LARGE[..., :1], photometric=1, t259=32767)]}],
    "Pentax's coding": [page(SMALL, **PREVIEW), page(LARGE[..., :1], photometric=1, t259=65535)],
}
PADDING = bytes(4000)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("kind", RAW)
def test_raw_files_that_are_laid_out_as_tiff_are_refused_by_name(kind: str, big_endian: bool) -> None:
    pages = [dict(one) for one in RAW[kind]]
    with pytest.raises(UnreadableImage, match=r"it is a camera's raw file, .*; develop it first"):
        read(tiff(pages, big_endian=big_endian))


@pytest.mark.parametrize(
    "beginning",
    [
        b"II*\0\x10\0\0\0CR\x02\0",
        b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"FOVb\0\0\2\0",
        b"\0MRM\0\0\0\0",
        b"II\x1a\0\0\0HEAPCCDR"[:6] + b"\0\0HEAPCCDR",
        b"MM\0*\0\0\0\x10MMMMRaw",
    ],
)
def test_raw_files_of_other_layouts_are_refused_by_name(beginning: bytes) -> None:
    with pytest.raises(UnreadableImage, match="it is a camera's raw file"):
        read(beginning + PADDING)


def scaled(samples: np.ndarray, bits: int) -> np.ndarray:
    return (samples.astype(np.int64) * 255 / (2**bits - 1)).round().astype(int)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_gray_of_every_depth_reads_as_its_numbers(bits: int, big_endian: bool, white_is_zero: bool) -> None:
    samples = RANDOM.integers(0, 2**bits, (5, 7, 1), dtype=np.uint64)
    one = page(samples, photometric=0 if white_is_zero else 1, bits=bits, order=">" if big_endian else "<")
    pixels = read(tiff([one], big_endian=big_endian)).pixels.astype(int)
    exact = samples.astype(float) / (2**bits - 1)
    exact = 1 - exact if white_is_zero else exact
    full = 65535 if bits > 8 else 255
    assert np.abs(pixels - exact * full).max() <= 0.51


EIGHT = RANDOM.integers(0, 256, (24, 32, 8), dtype=np.uint8)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    ("photometric", "channels", "shown"),
    [("minisblack", 4, 2), ("minisblack", 2, 2), ("rgb", 3, 3), ("rgb", 4, 4), ("rgb", 8, 3), ("rgb", 5, 4)],
)
def test_channels_beyond_colour_and_alpha_are_passed_over(photometric: str, channels: int, shown: int, depth: int) -> None:
    pixels = EIGHT[..., :channels].astype(np.uint16) * (257 if depth == 16 else 1)
    pixels = pixels.astype(np.uint16 if depth == 16 else np.uint8)
    extra = channels - (1 if photometric == "minisblack" else 3)
    kinds = (["unassalpha"] if shown in {2, 4} else ["unspecified"]) + ["unspecified"] * 9
    data = by_tifffile(pixels, photometric=photometric, extrasamples=kinds[:extra] or None, planarconfig="contig")
    assert np.array_equal(read(data).pixels, pixels[..., :shown])


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("alpha", [0, 1])
def test_ink_with_and_without_alpha_reads_as_paper_minus_ink(alpha: int, depth: int) -> None:
    full = 2**depth - 1
    ink = np.array([255, 0, 0, 51, 102][: 4 + alpha]) * full // 255
    pixels = np.tile(ink, (6, 8, 1)).astype(f"u{depth // 8}")
    extra: dict[str, Any] = {"extrasamples": ["unassalpha"]} if alpha else {}
    found = read(by_tifffile(pixels, photometric="separated", **extra)).pixels[0, 0] / full * 255
    assert found.tolist() == pytest.approx([0, 204, 204, 102][: 3 + alpha], abs=1)


@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl", "lerc", "zstd", "lzma", "lzw", "zlib", "packbits", "webp", "png"])
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 5}])
def test_lossless_codings_inside_tiff_keep_every_number(compression: str, layout: dict[str, Any]) -> None:
    pixels = EIGHT[..., :3].copy()
    options = {"webp": {"level": 100, "lossless": True}}.get(compression, {})
    extra = {"compressionargs": options} if options else {}
    assert np.array_equal(read(by_tifffile(pixels, photometric="rgb", compression=compression, **layout, **extra)).pixels, pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("predictor", [2, 3])
def test_predictors_keep_every_number(predictor: int, dtype: Any) -> None:
    if (predictor == 3) != (dtype is np.float32):
        return
    pixels = (EIGHT[..., :3] / 255).astype(dtype) if predictor == 3 else EIGHT[..., :3].astype(dtype)
    data = by_tifffile(pixels, photometric="rgb", compression="zlib", predictor=predictor, planarconfig="contig")
    assert np.array_equal(read(data).pixels, pixels)


def test_halved_colour_of_jpeg_and_of_plain_ycbcr_reads_as_that_colour() -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    for options in ({"compression": "jpeg"}, {"compression": "tiff_lzw"}):
        file = io.BytesIO()
        image = Image.fromarray(flat) if options["compression"] == "jpeg" else Image.fromarray(flat).convert("YCbCr")
        image.save(file, "TIFF", **options)
        assert np.abs(read(file.getvalue()).pixels.astype(int) - flat).max() <= 4


@pytest.mark.parametrize("largest", [65535, 255])
def test_palettes_of_sixteen_and_of_eight_bits_read_as_their_colours(largest: int) -> None:
    colors = RANDOM.integers(0, 256, (3, 256))
    colors[0, 0] = 255
    indices = RANDOM.integers(0, 256, (5, 7, 1))
    one = page(indices, photometric=3, t320=(colors * (257 if largest == 65535 else 1)).ravel().tolist())
    data = tiff([one])
    assert np.array_equal(read(data).pixels, colors.T[indices[..., 0]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_beyond_the_unit_range_are_clipped(dtype: Any) -> None:
    values = RANDOM.random((6, 8)).astype(dtype)
    values[0, :3] = (1.39, -0.003, np.inf)
    picture = read(by_tifffile(values))
    assert np.array_equal(picture.pixels[..., 0], values.astype(np.float32).clip(0, 1))


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.full((4, 4), np.nan, np.float32), "NaN"),
        (np.full((4, 4), 128, np.float32), r"expected floats in 0\.\.1, got 128\.\.128; divide"),
        (np.full((4, 4), -5, np.int32), r"signed whole numbers -5\.\.-5"),
        (np.full((4, 4), -5, np.int8), "signed whole numbers down to -5"),
        (np.full((4, 4), 1j, np.complex64), "not supported"),
    ],
)
def test_numbers_that_are_no_colours_are_refused_in_words(pixels: np.ndarray, words: str) -> None:
    with pytest.raises(UnreadableImage, match=words):
        read(by_tifffile(pixels))


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64])
def test_sixteen_bits_in_wider_numbers_read_as_sixteen_bits(dtype: Any) -> None:
    values = RANDOM.integers(0, 65536, (5, 7)).astype(dtype)
    assert np.array_equal(read(by_tifffile(values)).pixels[..., 0], values)


def test_an_unknown_coding_is_named_with_the_kind_of_its_pixels() -> None:
    with pytest.raises(UnreadableImage, match=r"kind RGB with 3 channels of 8 bits, compression JBIG are not supported"):
        read(tiff([page(LARGE, t259=34661)]))
    with pytest.raises(UnreadableImage, match=r"kind YCBCR with 3 channels of 16 bits.* not supported"):
        read(tiff([page(LARGE.astype(np.uint16), photometric=6, bits=16)]))


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd", "lzma", "jpeg", "webp"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_cut_pixels_are_refused_however_they_are_coded(compression: str | None, share: float) -> None:
    noise = RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = by_tifffile(noise, photometric="rgb", compression=compression, rowsperstrip=16)
    with pytest.raises(UnreadableImage, match=r"damaged|not supported"):
        read(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    "tags",
    [
        {274: 0}, {274: 9}, {274: b"6\0"}, {282: [0, 0]}, {296: 77}, {34675: b"no profile"}, {700: b"<xmp"}, {33723: b"\1"},
        {34665: 2**31}, {34853: 5}, {305: b"\xff\xfe\0"}, {270: b"\xc3\x28"}, {50838: [9, 9]}, {42112: b"<GDAL"}, {33550: [1]},
    ],
    ids=str,
)  # fmt: skip
def test_tags_that_say_nothing_sensible_do_not_stop_the_pixels(tags: dict[int, Any]) -> None:
    assert np.array_equal(read(tiff([page(LARGE) | tags])).pixels, LARGE)


def test_huge_claims_are_refused_before_any_memory_is_taken() -> None:
    huge = page(SMALL) | {256: 2**31 - 1, 257: 2**31 - 1, 273: [zlib.compress(bytes(99))], 259: 8}
    with pytest.raises(ImageTooLarge):
        read(tiff([huge]))
    tiles = {322: 2**31 - 16, 323: 2**31 - 16, 324: [8], 325: [99]}
    with pytest.raises(ImageTooLarge):
        read(tiff([{tag: value for tag, value in page(SMALL).items() if tag not in {273, 278}} | tiles]))
    with pytest.raises(UnreadableImage, match="60000 channels"):
        read(tiff([page(SMALL) | {277: 60000, 258: [8] * 3}]))


@pytest.mark.parametrize("compression", [7, 34712, 34933])
def test_a_strip_that_is_a_larger_picture_than_its_page_is_refused_from_its_header(compression: int) -> None:
    wide = np.zeros((300, 400, 3), np.uint8)
    encoders = {7: imagecodecs.jpeg8_encode, 34712: imagecodecs.jpeg2k_encode, 34933: imagecodecs.png_encode}
    one = page(SMALL, t259=compression) | {273: [bytes(encoders[compression](wide))]}
    with pytest.raises(ImageTooLarge, match="400x300"):
        read(tiff([one]), max_pixels=10_000)
