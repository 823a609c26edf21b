"""Every kind of 8-bit picture reads as what it shows."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from impasto.images import read

COLOR = (200, 100, 50)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(mode: str) -> Image.Image:
    return Image.new("RGB", (6, 4), COLOR).convert(mode)


def pixel(rgb: Tensor, y: int = 0, x: int = 0) -> list[float]:
    return [float(value) * 255 for value in rgb[:, y, x]]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "PNG"),
        ("RGB", "JPEG"),
        ("RGB", "WEBP"),
        ("RGB", "TIFF"),
        ("RGB", "BMP"),
        ("RGB", "AVIF"),
        ("RGBA", "PNG"),
        ("RGBA", "TIFF"),
        ("RGBA", "WEBP"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "JPEG"),
        ("YCbCr", "TIFF"),
    ],
)
def test_color_in_any_mode_and_format_reads_as_that_color(mode: str, kind: str) -> None:
    picture = read(encoded(plain(mode), kind))
    assert picture.rgb.shape == (3, 4, 6)
    assert picture.rgb.dtype == torch.float32
    assert pixel(picture.rgb) == pytest.approx(COLOR, abs=4)
    assert picture.bits == 8
    assert picture.alpha is None


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "BMP"])
def test_gray_reads_as_three_equal_channels(kind: str) -> None:
    assert pixel(read(encoded(Image.new("L", (4, 4), 77), kind)).rgb) == pytest.approx([77] * 3, abs=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_one_bit_reads_as_black_and_white(kind: str) -> None:
    image = Image.new("1", (4, 4))
    image.putpixel((1, 0), 1)
    rgb = read(encoded(image, kind)).rgb
    assert pixel(rgb) == [0, 0, 0]
    assert pixel(rgb, 0, 1) == [255, 255, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF"])
def test_palette_reads_as_its_colors(kind: str) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *COLOR])
    assert pixel(read(encoded(image, kind)).rgb) == pytest.approx(COLOR)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entry_becomes_alpha(kind: str) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 255, *COLOR])
    image.putpixel((0, 0), 0)
    picture = read(encoded(image, kind, transparency=0))
    assert picture.alpha is not None
    assert picture.alpha[0, :2].tolist() == [0, 1]
    assert pixel(picture.rgb, 0, 1) == pytest.approx(COLOR)


def test_half_transparent_palette_keeps_its_alpha() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 255, *COLOR])
    picture = read(encoded(image, "PNG", transparency=bytes([255, 51])))
    assert picture.alpha is not None
    assert float(picture.alpha[0, 0]) == pytest.approx(0.2)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_one_color_marked_transparent_becomes_alpha(mode: str) -> None:
    image = Image.new(mode, (4, 4), 9 if mode == "L" else COLOR)
    image.putpixel((2, 0), 0)
    picture = read(encoded(image, "PNG", transparency=0 if mode == "L" else (0, 0, 0)))
    assert picture.alpha is not None
    assert picture.alpha[0].tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_kept_apart_and_color_under_it_unchanged(kind: str) -> None:
    image = Image.new("RGBA", (4, 4), (*COLOR, 102))
    picture = read(encoded(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    assert picture.alpha is not None
    assert picture.alpha.shape == (4, 4)
    assert float(picture.alpha[0, 0]) == pytest.approx(0.4)
    assert pixel(picture.rgb) == pytest.approx(COLOR)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_gray_with_alpha_reads_as_both(kind: str) -> None:
    picture = read(encoded(Image.new("LA", (4, 4), (77, 51)), kind))
    assert pixel(picture.rgb) == pytest.approx([77] * 3)
    assert picture.alpha is not None
    assert float(picture.alpha[0, 0]) == pytest.approx(0.2)


def test_opaque_alpha_is_none() -> None:
    assert read(encoded(Image.new("RGBA", (4, 4), (*COLOR, 255)), "PNG")).alpha is None


def test_wholly_transparent_pixels_get_the_mean_color_and_others_keep_theirs() -> None:
    image = np.zeros((1, 4, 4), np.uint8)
    image[0] = [(255, 0, 0, 255), (0, 0, 255, 255), (0, 255, 0, 0), (9, 9, 9, 1)]
    rgb = read(image).rgb
    assert pixel(rgb, 0, 0) == [255, 0, 0]
    assert pixel(rgb, 0, 3) == pytest.approx([9, 9, 9])
    assert pixel(rgb, 0, 2) == pytest.approx([127.3, 0, 127.3], abs=0.5)


def test_nothing_visible_reads_as_middle_gray() -> None:
    assert read(np.zeros((2, 2, 4), np.uint8)).rgb.unique().tolist() == [0.5]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_several_is_read(kind: str) -> None:
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    data = encoded(first, kind, save_all=True, append_images=[second])
    assert pixel(read(data).rgb) == pytest.approx([255, 0, 0], abs=4)


def test_heic_reads_without_registering_anything_in_pillow() -> None:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), COLOR)).save(file, quality=-1)
    picture = read(file.getvalue())
    assert picture.rgb.shape == (3, 48, 64)
    assert pixel(picture.rgb) == pytest.approx(COLOR, abs=3)
    assert "HEIF" not in Image.ID


def test_content_decides_and_not_the_extension(tmp_path: Any) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(plain("RGB"), "PNG"))
    assert pixel(read(path).rgb) == pytest.approx(COLOR)


def test_cmyk_without_profile_reads_as_paper_minus_ink() -> None:
    image = Image.new("CMYK", (4, 4), (255, 0, 0, 51))
    assert pixel(read(encoded(image, "TIFF")).rgb) == pytest.approx([0, 204, 204], abs=1)
