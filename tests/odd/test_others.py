"""WebP, HEIC, AVIF, BMP, GIF with odd surroundings, and files that are no picture of these kinds, by their names."""

import io
import re
import struct
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base
from tests.odd.by_hand import by_pillow

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.images import read

RANDOM = np.random.default_rng(14)
NOISE = RANDOM.integers(0, 256, (32, 48, 3), dtype=np.uint8)
HALF = np.zeros((32, 48, 3), np.uint8)
HALF[:, :24] = 255
GARBAGE = b"Exif\0\0MM\0*\xff\xff\xff\xff garbage"


def heic(pixels: np.ndarray, **options: Any) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, quality=90, **options)
    return file.getvalue()


def avif(pixels: np.ndarray, **options: Any) -> bytes:
    return by_pillow(pixels, "AVIF", quality=95, **options)


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    return exif.tobytes()


WEBP = by_pillow(NOISE, "WEBP", lossless=True)


def riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def extended_webp(*chunks: bytes, flags: int) -> bytes:
    """A WebP with VP8X before its pixels and further chunks behind them."""
    size = (NOISE.shape[1] - 1).to_bytes(3, "little") + (NOISE.shape[0] - 1).to_bytes(3, "little")
    inside = b"WEBP" + riff(b"VP8X", bytes([flags, 0, 0, 0]) + size) + WEBP[12:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


@pytest.mark.parametrize(
    "data",
    [
        extended_webp(riff(b"EXIF", GARBAGE), flags=8),
        extended_webp(riff(b"EXIF", b""), riff(b"XMP ", b"<no xmp"), flags=12),
        extended_webp(riff(b"XMP ", bytes(999))[:-500], flags=4),
        extended_webp(riff(b"EXIF", GARBAGE)[:12], flags=8),
        extended_webp(flags=8 | 4),
        WEBP + b"trailing bytes",
    ],
    ids=["broken EXIF", "empty EXIF", "cut XMP", "cut EXIF", "promised EXIF", "bytes behind"],
)
def test_what_stands_around_the_pixels_of_a_webp_never_stops_them(data: bytes) -> None:
    assert np.array_equal(read(data).pixels, NOISE)


def test_a_webp_whose_pixels_are_cut_is_refused() -> None:
    with pytest.raises(UnreadableImage, match="damaged"):
        read(WEBP[:-40])


@pytest.mark.parametrize("make", [heic, avif])
def test_broken_exif_in_boxes_does_not_stop_the_pixels(make: Any) -> None:
    exif = Image.Exif()
    exif[Base.Make] = "a camera"
    whole = make(HALF, exif=exif.tobytes())
    broken = whole.replace(exif.tobytes()[6:14], b"\xff" * 8)
    assert broken != whole
    assert np.abs(read(broken).pixels.astype(int) - HALF).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", [heic, avif])
def test_the_container_turns_the_picture_once(make: Any, orientation: int) -> None:
    corner = np.zeros((32, 48, 3), np.uint8)
    corner[:16, :24] = 255
    turned = {
        1: corner, 2: corner[:, ::-1], 3: corner[::-1, ::-1], 4: corner[::-1],
        5: corner.swapaxes(0, 1), 6: np.rot90(corner, -1), 7: np.rot90(corner, -1)[::-1], 8: np.rot90(corner),
    }  # fmt: skip
    found = read(make(corner, exif=exif_of(orientation))).pixels.astype(int)
    assert found.shape == turned[orientation].shape
    assert np.abs(found - turned[orientation]).mean() < 8


def test_the_primary_picture_of_a_heic_is_read() -> None:
    import pillow_heif

    several = pillow_heif.from_pillow(Image.fromarray(NOISE[:16]))
    several.add_from_pillow(Image.fromarray(HALF))
    file = io.BytesIO()
    several.save(file, quality=90, primary_index=1)
    assert np.abs(read(file.getvalue()).pixels.astype(int) - HALF).mean() < 6


def bmp(pixels: np.ndarray) -> bytes:
    """A BMP of 32 bits with a mask for alpha (BITMAPV4HEADER), its rows from the bottom."""
    height, width, _ = pixels.shape
    masks = struct.pack("<4I", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, width * height * 4, 2835, 2835, 0, 0) + masks
    rows = pixels[::-1, :, [2, 1, 0, 3]].tobytes()
    header = header.ljust(108, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(rows), 0, 0, 14 + len(header)) + header + rows


def test_a_bmp_whose_alpha_is_zero_everywhere_is_opaque() -> None:
    hidden = np.concatenate([NOISE, np.zeros((32, 48, 1), np.uint8)], -1)
    picture = read(bmp(hidden), role="content")
    assert picture.alpha is None
    assert np.array_equal(picture.pixels, NOISE)
    hidden[0, 0, 3] = 7
    assert np.array_equal(read(bmp(hidden), role="content").pixels, hidden)


def masked_bmp(number: int, bits: int, masks: tuple[int, ...], *, header: int = 40, top_down: bool = False) -> bytes:
    """A BMP of two rows of one pixel: the upper one is this number, the lower one 0."""
    compression = 6 if len(masks) == 4 and header == 40 else 3
    info = struct.pack("<IiiHHIIiiII", header, 1, -2 if top_down else 2, 1, bits, compression, 8, 2835, 2835, 0, 0)
    info = (info + struct.pack(f"<{len(masks)}I", *masks)).ljust(header, b"\0")
    rows = [struct.pack("<I", number), bytes(4)]
    data = b"".join(rows if top_down else rows[::-1])
    return b"BM" + struct.pack("<IHHI", 14 + len(info) + len(data), 0, 0, 14 + len(info)) + info + data


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize(
    ("number", "bits", "masks", "header", "expected"),
    [
        (0b10000_000010_11111, 16, (0xF800, 0x07E0, 0x001F), 40, (132, 8, 255)),
        (0b1_10000_00001_11111, 16, (0x7C00, 0x03E0, 0x001F, 0x8000), 108, (132, 8, 255, 255)),
        (0x7C63, 16, (0x0F00, 0x00F0, 0x000F, 0xF000), 124, (12 * 17, 6 * 17, 3 * 17, 7 * 17)),
        (0xC8643200, 32, (0xFF000000, 0x00FF0000, 0x0000FF00), 40, (200, 100, 50)),
        (0x4DC86432, 32, (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000), 40, (200, 100, 50, 77)),
        (0x4D3264C8, 32, (0x000000FF, 0x0000FF00, 0x00FF0000, 0xFF000000), 56, (200, 100, 50, 77)),
        (0x00C86432, 32, (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000), 108, (200, 100, 50)),
        (0x00C80032, 32, (0x00FF0000, 0, 0x000000FF), 40, (200, 0, 50)),
        (1023 << 20 | 512 << 10 | 1, 32, (0x3FF00000, 0x000FFC00, 0x000003FF), 40, (65535, 32800, 64)),
    ],
)
def test_masks_of_a_bmp_say_where_its_channels_lie(
    number: int, bits: int, masks: tuple[int, ...], header: int, expected: tuple[int, ...], top_down: bool
) -> None:
    picture = read(masked_bmp(number, bits, masks, header=header, top_down=top_down))
    assert picture.pixels[0, 0].tolist() == list(expected)
    assert not picture.pixels[1].any()
    assert picture.dpi == pytest.approx((72, 72), abs=0.01)


def test_a_bmp_with_masks_that_ends_early_or_makes_no_sense_is_refused() -> None:
    masks = (0x00FF0000, 0x0000FF00, 0x000000FF)
    with pytest.raises(UnreadableImage, match="its pixels end early"):
        read(masked_bmp(7, 32, masks)[:-1])
    with pytest.raises(UnreadableImage, match="not side by side"):
        read(masked_bmp(7, 32, (0x00F0F000, *masks[1:])))
    huge = bytearray(masked_bmp(7, 32, masks))
    huge[18:26] = struct.pack("<ii", 2**31 - 1, -(2**31) + 1)
    with pytest.raises(ImageTooLarge):
        read(bytes(huge))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_a_wholly_transparent_photograph_is_refused_by_that_name(kind: str) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    data = by_pillow(np.concatenate([NOISE, np.zeros((32, 48, 1), np.uint8)], -1), kind, **options)
    with pytest.raises(UnreadableImage, match="content cannot be read: it is wholly transparent"):
        read(data, role="content")
    assert read(data, role="mask").size == (32, 48)


def gif(*, canvas: tuple[int, int], offset: tuple[int, int], end: bytes = b";", transparent: bool = False) -> bytes:
    """A GIF of one frame of 2 by 2 pixels, colours 1 2 3 0, on a canvas; by the uncompressed form of LZW."""
    palette = bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    screen = struct.pack("<HHBBB", *canvas, 0x91, 0, 0)
    control = b"\x21\xf9\x04" + bytes([1 if transparent else 0, 0, 0, 3]) + b"\0"
    frame = b"," + struct.pack("<HHHHB", *offset, 2, 2, 0)
    bits = "".join(f"{code:03b}"[::-1] for code in (4, 1, 2, 4, 3, 0, 5))  # 4 clears, 5 ends
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return b"GIF89a" + screen + palette + control + frame + b"\x02" + bytes([len(data)]) + data + b"\0" + end


@pytest.mark.parametrize("end", [b";", b"", b"\x21\xfe\xff cut comment", b"garbage"])
def test_the_first_frame_of_a_gif_is_read_whatever_follows(end: bytes) -> None:
    expected = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]]]
    assert read(gif(canvas=(2, 2), offset=(0, 0), end=end)).pixels[..., :3].tolist() == expected


def test_a_frame_beside_the_corner_lies_where_it_is_put() -> None:
    picture = read(gif(canvas=(5, 4), offset=(2, 1), transparent=True))
    assert picture.size == (4, 5)
    assert picture.pixels[1, 2].tolist() == [255, 0, 0, 255]
    assert picture.pixels[2, 2, 3] == 0, "the transparent colour"


NAMES = {
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "a macOS file of attributes": b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(60),
    "JPEG XL": b"\xff\x0a" + bytes(range(60)),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    "a video": b"\0\0\0\x20ftypisom" + bytes(60),
    "Photoshop": b"8BPS\0\x01" + bytes(60),
    "GIMP": b"gimp xcf v011" + bytes(60),
    "an archive": b"PK\x03\x04\x14\0" + bytes(60),
    "PDF": b"%PDF-1.7\n\xff\xff",
    "an icon (ICO)": b"\0\0\x01\0\x01\0\x10\x10" + bytes(60),
    "an icon (ICNS)": b"icns\0\0\1\0" + bytes(60),
    "OpenEXR": b"\x76\x2f\x31\x01\2\0\0\0" + bytes(60),
    "Radiance": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n",
    "DDS": b"DDS \x7c\0\0\0" + bytes(60),
    "QOI": b"qoif\0\0\0\1" + bytes(60),
    "Netpbm": b"P6\n2 2\n255\n" + bytes(12),
    "DICOM": bytes(128) + b"DICM" + bytes(20),
    "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60),
    "Base64": b"data:image/png;base64,iVBORw0KGgo=",
    "SVG": b'<?xml version="1.0"?>\n<!-- made by hand -->\n<!DOCTYPE svg PUBLIC "x">\n<svg/>',
    "a web page": b"\n\n<!doctype HTML><html><body>Not Found</body></html>",
    "text": '{"error": "not found: Übung"}'.encode(),
    "zero bytes": bytes(5000),
    "before a JPEG": b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0" + bytes(60),
    "this kind of file": b"\x93\x01\xfe\xaa" * 30,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_kind_is_named_and_what_to_do_is_said(name: str) -> None:
    with pytest.raises(UnreadableImage, match=f"^content cannot be read: .*{re.escape(name)}.*; ") as caught:
        read(NAMES[name], role="content")
    assert "\n" not in str(caught.value)


def test_a_name_is_found_at_once_for_whatever_the_file_begins_with() -> None:
    start = time.monotonic()
    for beginning in (b"<!---->" * 600, b"<?x>" * 1000, b" " * 4096 + b"\0", b"<!--" * 1000, b"(" * 4096):
        with pytest.raises(UnreadableImage):
            read(beginning)
    assert time.monotonic() - start < 60
