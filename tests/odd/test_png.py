"""PNG: every depth, colour type, transparency and interlacing, and whatever stands around the pixels."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from tests.odd.by_hand import CHANNELS, DEPTHS, GRAY, PALETTE, PNG_SIGNATURE, RGB, chunk, png, png_stream

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.images import read

RANDOM = np.random.default_rng(11)
SIZE = (9, 11)
KINDS = [
    (color, depth, transparent)
    for color, depths in DEPTHS.items()
    for depth in depths
    for transparent in ([False, True] if color in {GRAY, RGB, PALETTE} else [False])
]
PIXELS = RANDOM.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
PLAIN = png(PIXELS)
EXIF_SIX = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 274, 3, 1, 6, 0) + bytes(4)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("color", "depth", "transparent"), KINDS)
def test_every_kind_of_png_reads_as_its_numbers(color: int, depth: int, transparent: bool, interlaced: bool) -> None:
    samples = RANDOM.integers(0, 2**depth, (*SIZE, CHANNELS[color]))
    full = 65535 if depth == 16 else 255
    options: dict[str, Any] = {}
    if color == PALETTE:
        colors = RANDOM.integers(0, 256, (2**depth, 3), dtype=np.uint8)
        options["palette"] = colors.tobytes()
        expected = colors[samples[..., 0]].astype(int)
        hidden = np.where(samples == 0, 77, 255)
        options["transparent"] = bytes([77]) if transparent else None
    else:
        expected = samples * full // (2**depth - 1)
        hidden = np.where((samples == samples[0, 0]).all(-1, keepdims=True), 0, full)
        options["transparent"] = b"".join(struct.pack(">H", value) for value in samples[0, 0]) if transparent else None
    picture = read(png(samples, depth=depth, color=color, interlaced=interlaced, **options))
    expected = np.concatenate([expected, hidden], -1) if transparent else expected
    assert picture.bits == (16 if depth == 16 else 8)
    assert np.array_equal(picture.pixels, expected)


def broken(kind: bytes, data: bytes) -> bytes:
    """A chunk with a wrong checksum."""
    return chunk(kind, data)[:-4] + b"\0\0\0\0"


AROUND = {
    "EXIF of garbage": chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff garbage"),
    "EXIF whose entries lead nowhere": chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + bytes(range(60))),
    "EXIF in a text that is none": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n  99\nzz zz\n")),
    "a text that does not unpack": chunk(b"zTXt", b"Raw profile type exif\0\0not zlib"),
    "a text of 3 MB": chunk(b"tEXt", b"workflow\0" + b"x" * 3_000_000),
    "a compressed text of 80 MB": chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(80_000_000))),
    "an empty profile": chunk(b"iCCP", b""),
    "a profile of garbage": chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"no profile at all" * 20)),
    "a profile of 80 MB": chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(80_000_000))),
    "a text with a wrong checksum": broken(b"tEXt", b"Comment\0hello"),
    "a transparency with a wrong checksum": broken(b"tRNS", bytes(6)),
    "chunks of one byte": b"".join(chunk(kind, b"\1") for kind in (b"gAMA", b"cHRM", b"pHYs", b"sRGB", b"cICP", b"sBIT")),
    "resolutions of nonsense": chunk(b"pHYs", struct.pack(">IIB", 0, 2**32 - 1, 1)),
    "private chunks": chunk(b"prVt", bytes(range(256))) + chunk(b"zzZz", b""),
    "an animation that ends at once": chunk(b"acTL", struct.pack(">II", 9, 0)) + chunk(b"fcTL", bytes(5)),
}


@pytest.mark.parametrize("what", AROUND)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_what_stands_around_the_pixels_never_stops_them(what: str, place: str) -> None:
    assert np.array_equal(read(png(PIXELS, **{place: [AROUND[what]]})).pixels, PIXELS)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (PLAIN[:-12], "without its end"),
        (PLAIN[:-5], "with half of its end"),
        (PLAIN + b"<html>" * 99, "with bytes behind its end"),
        (PLAIN[:-16] + bytes(4) + PLAIN[-12:], "with a wrong checksum of whole pixels"),
        (PLAIN[:29] + bytes(4) + PLAIN[33:], "with a wrong checksum of its header"),
        (PLAIN[:-14], "without the last bytes of a checksum"),
        (b"\xef\xbb\xbf\r\n" + PLAIN, "behind a byte-order mark and an empty line"),
        (png(PIXELS, pieces=150), "in 150 pieces"),
        (png(PIXELS, before=[chunk(b"IDAT", b"")] * 9999), "in 10,000 pieces"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whole_pixels_are_read_from_a_png(data: bytes, name: str) -> None:
    assert np.array_equal(read(data).pixels, PIXELS), name


def in_hexadecimal(name: str, data: bytes) -> bytes:
    """As ImageMagick writes a profile as text."""
    return f"\n{name}\n{len(data):8}\n{data.hex()}\n".encode()


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize(
    "stated",
    [
        chunk(b"eXIf", EXIF_SIX),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(in_hexadecimal("exif", b"Exif\0\0" + EXIF_SIX))),
        chunk(b"tEXt", b"Raw profile type APP1\0" + in_hexadecimal("APP1", EXIF_SIX)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x tiff:Orientation="6"/>'),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<tiff:Orientation>6</tiff:Orientation>")),
    ],
    ids=["EXIF", "EXIF in a compressed text", "EXIF in a text", "XMP", "compressed XMP"],
)
def test_an_orientation_turns_the_picture_wherever_it_stands(stated: bytes, place: str) -> None:
    assert np.array_equal(read(png(PIXELS, **{place: [stated]})).pixels, np.rot90(PIXELS, -1))


def test_a_resolution_is_read_in_dots_per_inch() -> None:
    assert read(png(PIXELS, before=[chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1))])).dpi == pytest.approx(
        (300, 150), abs=0.02
    )
    assert read(png(PIXELS, before=[chunk(b"pHYs", struct.pack(">IIB", 1, 2, 0))])).dpi is None, "a ratio without a unit"


def of_stream(stream: bytes, *, whole: bool = True) -> bytes:
    """A PNG of the size of PIXELS whose pixels are this zlib stream."""
    header = struct.pack(">IIBBBBB", SIZE[1], SIZE[0], 8, RGB, 0, 0, 0)
    pixels = chunk(b"IDAT", stream) if whole else broken(b"IDAT", stream)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


ROWS = png_stream(PIXELS, 8, interlaced=False)
STREAM = zlib.compress(ROWS)


@pytest.mark.parametrize(
    "data",
    [
        of_stream(STREAM[:-4] + b"\0\0\0\0"),
        of_stream(STREAM[:-4]),
        of_stream(STREAM[:-1], whole=False),
        of_stream(STREAM + b"garbage", whole=False),
        of_stream(zlib.compress(ROWS + bytes(99))),
        PLAIN[:-18],
    ],
    ids=["wrong", "missing", "cut, and the chunk's is wrong", "behind it garbage", "behind more rows", "the file ends in it"],
)
def test_one_right_checksum_vouches_for_all_pixels(data: bytes) -> None:
    assert np.array_equal(read(data).pixels, PIXELS)


def test_an_interlaced_png_is_read_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    read(png(PIXELS, interlaced=True))
    assert caplog.records == []


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 11, 9, 8, 2, 0, 0, 0))
TOO_SHORT = PNG_SIGNATURE + HEADER + broken(b"IDAT", zlib.compress(bytes(99)))
TWO_COLORS = png(np.zeros((4, 4, 1), int), color=PALETTE, palette=bytes(6))
BROKEN_PALETTE = TWO_COLORS.replace(chunk(b"PLTE", bytes(6)), broken(b"PLTE", bytes(6)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PLAIN[:-40], "its pixels end early"),
        (PLAIN[:60], "its pixels end early|damaged"),
        (PLAIN[:33] + PLAIN[-12:], "it has no pixels"),
        (PLAIN[:20], "the beginning is damaged"),
        (TOO_SHORT, "its pixels end early"),
        (PLAIN[:60] + b"\xaa\x55" + PLAIN[62:], "damaged or incomplete"),
        (PNG_SIGNATURE + chunk(b"CgBI", bytes(4)) + PLAIN[8:], "CgBI"),
        (PLAIN.replace(b"\r\n", b"\n"), "as if it were text"),
        (BROKEN_PALETTE, "palette"),
        (of_stream(STREAM[:-4] + b"\0\0\0\0", whole=False), "checksums of its pixels"),
        (of_stream(zlib.compress(ROWS[:-1])), "its pixels end early"),
    ],
)
def test_pixels_that_are_not_all_there_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableImage, match=words):
        read(data)


def test_a_huge_claim_is_refused_before_its_pixels_are_looked_at() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0))
    with pytest.raises(ImageTooLarge):
        read(PNG_SIGNATURE + header + broken(b"IDAT", zlib.compress(bytes(10**7))))
