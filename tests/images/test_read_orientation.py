"""A picture stands upright, however the camera was held."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from impasto.images import read
from impasto.images.embed import png_chunk

STORED = np.random.default_rng(1).integers(0, 256, (8, 16, 3), dtype=np.uint8)
ORIENTATIONS = range(1, 9)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    return exif


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pillow's own turn, as an independent reference, channel by channel."""
    planes = []
    for plane in np.moveaxis(pixels, -1, 0):
        image = Image.fromarray(np.ascontiguousarray(plane))
        image.getexif()[Base.Orientation] = orientation
        planes.append(np.asarray(ImageOps.exif_transpose(image)))
    return np.stack(planes, -1)


def shown(data: bytes, full: int) -> np.ndarray:
    picture = read(data)
    planes = [*picture.rgb] if picture.alpha is None else [*picture.rgb, picture.alpha]
    return np.stack([(plane.numpy() * full).round() for plane in planes], -1)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_eight_bit_pictures_are_turned(kind: str, orientation: int) -> None:
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(STORED).save(file, kind, exif=exif_of(orientation), **options)
    assert np.array_equal(shown(file.getvalue(), 255), upright(STORED, orientation))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_lossy_pictures_are_turned(kind: str, orientation: int) -> None:
    halves = np.zeros((32, 64, 3), np.uint8)
    halves[:16, :32] = 255
    file = io.BytesIO()
    Image.fromarray(halves).save(file, kind, exif=exif_of(orientation), quality=95)
    expected = upright(halves, orientation)
    assert np.abs(shown(file.getvalue(), 255) - expected).mean() < 3


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_alpha_turns_with_the_picture(orientation: int) -> None:
    pixels = np.concatenate([STORED, STORED[..., :1] | 1], -1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", exif=exif_of(orientation))
    assert np.array_equal(shown(file.getvalue(), 255), upright(pixels, orientation))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_sixteen_bit_pictures_are_turned(orientation: int) -> None:
    deep = np.concatenate([STORED, STORED[..., :1] | 1], -1).astype(np.uint16) * 257
    expected = upright(deep, orientation)
    png = imagecodecs.png_encode(deep)
    exif = exif_of(orientation).tobytes()[6:]
    assert np.array_equal(shown(png[:33] + png_chunk(b"eXIf", exif) + png[33:], 65535), expected)
    file = io.BytesIO()
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(file, deep, photometric="rgb", extrasamples=["unassalpha"], extratags=[tag])
    assert np.array_equal(shown(file.getvalue(), 65535), expected)


def test_heic_is_turned_once() -> None:
    import pillow_heif

    image = Image.new("RGB", (128, 64))
    image.paste((255, 255, 255), (0, 0, 64, 32))
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, exif=exif_of(6).tobytes())
    assert b"irot" in file.getvalue()
    rgb = read(file.getvalue()).rgb
    assert rgb.shape == (3, 128, 64)
    assert rgb[:, :60, 36:].mean() > 0.95
    assert rgb[:, 70:].mean() < 0.05


def test_resolution_turns_with_the_picture() -> None:
    file = io.BytesIO()
    Image.fromarray(STORED).save(file, "JPEG", exif=exif_of(6), dpi=(300, 150))
    assert read(file.getvalue()).dpi == (150, 300)
