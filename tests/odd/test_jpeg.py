"""JPEG: kinds that are rare, segments that are broken, and what is cut off at the end."""

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from tests.odd.by_hand import by_pillow, segment

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.images import read
from impasto.images.colors.containers.jpeg import frame_of
from impasto.images.formats.jpeg import pixels_only

RANDOM = np.random.default_rng(13)
SMOOTH = np.add.outer(np.arange(40), np.arange(56) * 2)[..., None] + np.array([10, 60, 90])
PIXELS = SMOOTH.astype(np.uint8)
NOISE = RANDOM.integers(0, 256, (40, 56, 3), dtype=np.uint8)
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True},
    "full colour": {"subsampling": 0},
    "with restarts": {"restart_marker_blocks": 2},
}
FILES = {name: by_pillow(NOISE, "JPEG", quality=90, **options) for name, options in KINDS.items()}
GRAY = by_pillow(NOISE[..., 0], "JPEG", quality=90)
BASELINE = FILES["baseline"]


def shown(data: bytes) -> np.ndarray:
    """Pillow's picture, as the reference for whole files."""
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("kind", [*FILES, "gray"])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_marker_is_whole(kind: str, cut: int) -> None:
    data = FILES.get(kind, GRAY)
    pixels = read(data[:-cut]).pixels
    assert np.array_equal(pixels.squeeze(), shown(data))


@pytest.mark.parametrize("kind", [*FILES, "gray"])
@pytest.mark.parametrize("cut", [4, 5, 6, 8, 12, 20, 50, 200, 1000])
def test_a_jpeg_whose_pixels_are_cut_is_refused(kind: str, cut: int) -> None:
    with pytest.raises(UnreadableImage, match="damaged or incomplete"):
        read(FILES.get(kind, GRAY)[:-cut])


def test_a_progressive_jpeg_that_ends_after_one_of_its_scans_is_refused() -> None:
    data = FILES["progressive"]
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    tables = [at for at in range(scans[0], len(data) - 1) if data[at : at + 2] in {b"\xff\xc4", b"\xff\xda"}]
    assert len(scans) > 3
    for at in tables[1:]:
        with pytest.raises(UnreadableImage, match="damaged or incomplete"):
            read(data[:at])


END = b"\xff\xd9"
WITH_RESTARTS = FILES["with restarts"]
SMOOTH_FILE = by_pillow(PIXELS, "JPEG", quality=90)


@pytest.mark.parametrize(
    "data",
    [
        *(FILES[kind][: len(FILES[kind]) * 2 // 3] + END for kind in KINDS),
        GRAY[: len(GRAY) // 2] + END,
        BASELINE[: len(BASELINE) // 2] + BASELINE[len(BASELINE) // 2 + 600 :],
        WITH_RESTARTS[: len(WITH_RESTARTS) // 2] + WITH_RESTARTS[len(WITH_RESTARTS) // 2 + 600 :],
        SMOOTH_FILE[: len(SMOOTH_FILE) * 3 // 4] + bytes(5000),
    ],
    ids=[*(f"{kind}, cut" for kind in KINDS), "gray, cut", "a hole", "a hole between restarts", "zeros for the rest"],
)
def test_pixels_that_are_missing_before_the_end_marker_are_noticed(data: bytes) -> None:
    with pytest.raises(UnreadableImage, match="damaged or incomplete"):
        read(data)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_a_picture_that_ends_in_middle_gray_is_whole(options: dict[str, Any], subsampling: int) -> None:
    pixels = NOISE[:33, :23].copy()
    pixels[20:] = 128
    data = by_pillow(pixels, "JPEG", **{"subsampling": subsampling} | options)
    assert np.array_equal(read(data).pixels, shown(data))


def test_padding_of_zeros_in_place_of_the_end_marker_is_no_damage() -> None:
    assert np.array_equal(read(BASELINE[:-2] + bytes(4096)).pixels, shown(BASELINE))


def test_bytes_between_segments_are_passed_over() -> None:
    at = BASELINE.index(b"\xff\xdb")
    assert np.array_equal(read(BASELINE[:at] + b"junk" + BASELINE[at:]).pixels, shown(BASELINE))


ODD_SEGMENTS = {
    "EXIF of garbage": segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"),
    "EXIF without contents": segment(0xE1, b"Exif\0\0"),
    "a short JFIF": segment(0xE0, b"JFIF"),
    "a profile in one of three parts": segment(0xE2, b"ICC_PROFILE\0\x02\x03" + bytes(90)),
    "a profile of garbage": segment(0xE2, b"ICC_PROFILE\0\x01\x01 no profile"),
    "further pictures of nonsense": segment(0xE2, b"MPF\0MM\0*\xff\xff\xff\xff" + bytes(40)),
    "further pictures that are missing": segment(
        0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0\x04\0\x02\0\0\0\x02\0\0\0" + bytes(40)
    ),
    "Photoshop's blocks cut short": segment(0xED, b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\xff\xff"),
    "a comment of zero bytes": segment(0xFE, bytes(500)),
    "an Adobe mark cut short": segment(0xEE, b"Adobe\0"),
    "200 segments": segment(0xEB, b"x" * 9) * 200,
    "fill bytes": b"\xff" * 30,
}


@pytest.mark.parametrize("what", ODD_SEGMENTS)
def test_what_programs_add_to_a_jpeg_never_stops_it(what: str) -> None:
    data = BASELINE[:2] + ODD_SEGMENTS[what] + BASELINE[2:]
    assert np.abs(read(data).pixels.astype(int) - shown(BASELINE)).max() == 0


def test_bytes_behind_the_end_do_not_count() -> None:
    assert np.array_equal(read(BASELINE + b"\0" * 500 + BASELINE[:300]).pixels, shown(BASELINE))


def test_pixels_alone_show_the_same_picture() -> None:
    for data in FILES.values():
        exif = data[:2] + ODD_SEGMENTS["EXIF of garbage"] + data[2:]
        assert np.array_equal(shown(pixels_only(exif)), shown(data))


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("gray", [False, True])
def test_more_bits_than_eight_are_kept(bits: int, gray: bool) -> None:
    samples = (SMOOTH.astype(np.uint16) << (bits - 8))[..., : 1 if gray else 3]
    samples = np.ascontiguousarray(samples[..., 0] if gray else samples)
    data = imagecodecs.jpeg8_encode(samples, bitspersample=bits, lossless=bits == 16, level=95)
    picture = read(data)
    assert picture.bits == 16
    found = picture.pixels.astype(float)[..., 0 if gray else slice(None)] / 65535
    assert np.abs(found - samples / (2**bits - 1)).max() < (0.02 if bits == 12 else 1e-9)


def test_lossless_jpeg_keeps_every_number() -> None:
    assert np.array_equal(read(imagecodecs.jpeg8_encode(NOISE, lossless=True)).pixels, NOISE)


def test_the_orientation_of_a_twelve_bit_jpeg_counts() -> None:
    data = bytes(imagecodecs.jpeg8_encode(SMOOTH.astype(np.uint16) << 4, bitspersample=12))
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 274, 3, 1, 6, 0) + bytes(4)
    assert read(data).size == (40, 56)
    assert read(data[:2] + segment(0xE1, exif) + data[2:]).size == (56, 40)


def test_kinds_that_nobody_decodes_are_named() -> None:
    twelve = bytes(imagecodecs.jpeg8_encode(SMOOTH.astype(np.uint16) << 4, bitspersample=12))
    with pytest.raises(UnreadableImage, match="12 bits and 3 channels: damaged or incomplete"):
        read(twelve[: len(twelve) // 2])
    with pytest.raises(UnreadableImage, match="12 bits and 3 channels: damaged or incomplete"):
        read(twelve[: len(twelve) * 2 // 3] + END)
    hierarchical = BASELINE.replace(b"\xff\xc0\0\x11", b"\xff\xc5\0\x11")
    with pytest.raises(UnreadableImage, match="hierarchical JPEG with 8 bits and 3 channels is not supported"):
        read(hierarchical)
    with pytest.raises(UnreadableImage, match=r"near-lossless JPEG .* is not supported"):
        read(bytes(imagecodecs.jpegls_encode(PIXELS)))


@pytest.mark.parametrize("adobe", [True, False])
def test_four_inks_read_alike_with_and_without_the_mark_of_adobe(adobe: bool) -> None:
    file = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(file, "JPEG", quality=95)
    data = file.getvalue()
    at = data.index(b"\xff\xee")
    plain = data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0] :]
    pixels = read(data if adobe else plain).pixels
    assert np.abs(pixels[8, 8].astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_leaves_the_picture_as_it_is_stored(value: int) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 274, 3, 1, value, 0) + bytes(4)
    assert np.array_equal(read(BASELINE[:2] + segment(0xE1, exif) + BASELINE[2:]).pixels, shown(BASELINE))


def test_an_orientation_in_letters_leaves_the_picture_as_it_is_stored() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHI4s", 274, 2, 2, b"6\0\0\0") + bytes(4)
    assert np.array_equal(read(BASELINE[:2] + segment(0xE1, exif) + BASELINE[2:]).pixels, shown(BASELINE))


def test_the_first_picture_of_several_is_read() -> None:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "MPO", save_all=True, append_images=[Image.fromarray(NOISE)], quality=95)
    assert np.abs(read(file.getvalue()).pixels.astype(int) - PIXELS).mean() < 5


def test_a_size_is_checked_before_rare_kinds_are_decoded() -> None:
    twelve = bytes(imagecodecs.jpeg8_encode(SMOOTH.astype(np.uint16) << 4, bitspersample=12))
    huge = twelve.replace(struct.pack(">HH", 40, 56), struct.pack(">HH", 65000, 65000))
    assert frame_of(huge) is not None
    with pytest.raises(ImageTooLarge):
        read(huge)
