"""What is written reads back: pixels, alpha, depth, profile, resolution, manifest."""

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from impasto.errors import OutputError, UnreadableImage
from impasto.images import FORMATS, encode, read, read_manifest, to_pil, write
from impasto.images.colors.profile import srgb_profile

RGB = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
ALPHA = torch.linspace(0.05, 0.95, 24 * 32).reshape(24, 32)
SMOOTH = torch.stack([torch.linspace(0, 1, 32).expand(24, 32), torch.full((24, 32), 0.4), torch.full((24, 32), 0.7)])
ALL = [(extension, bits) for extension, kind in FORMATS.items() for bits in kind.bits]
LOSSLESS = [(extension, bits) for extension, bits in ALL if FORMATS[extension].name != "JPEG"]
MANIFEST = json.dumps({"style": "Sternennacht — 星月夜 🎨", "quote": '"\\'}, ensure_ascii=False)


@pytest.mark.parametrize(("extension", "bits"), ALL)
def test_size_and_colors_read_back(tmp_path: Path, extension: str, bits: int) -> None:
    path = write(tmp_path / f"cat{extension}", SMOOTH, bits=bits)
    picture = read(path)
    assert path == tmp_path / f"cat{extension}"
    assert picture.rgb.shape == SMOOTH.shape
    assert picture.bits == bits
    assert picture.alpha is None
    assert (picture.rgb - SMOOTH).abs().max() < 0.06


@pytest.mark.parametrize(("extension", "bits"), LOSSLESS)
def test_lossless_formats_keep_color_and_alpha_to_half_a_step(extension: str, bits: int) -> None:
    picture = read(encode(RGB, extension, alpha=ALPHA, bits=bits, quality=100))
    half = 0.5001 / (2**bits - 1) + 1e-7
    assert (picture.rgb - RGB).abs().max() <= half
    assert picture.alpha is not None
    assert (picture.alpha - ALPHA).abs().max() <= half


@pytest.mark.parametrize(("extension", "bits"), LOSSLESS)
def test_written_read_and_written_again_is_the_same_file(extension: str, bits: int) -> None:
    once = encode(RGB, extension, bits=bits, quality=100)
    assert encode(read(once).rgb, extension, bits=bits, quality=100) == once


@pytest.mark.parametrize(("extension", "bits"), ALL)
def test_same_picture_and_manifest_give_the_same_bytes(extension: str, bits: int) -> None:
    first, second = (encode(RGB, extension, bits=bits, dpi=(300, 300), manifest=MANIFEST) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("extension", "bits"), ALL)
def test_profile_in_the_file_is_srgb(extension: str, bits: int) -> None:
    with Image.open(io.BytesIO(encode(SMOOTH, extension, bits=bits))) as image:
        assert image.info["icc_profile"] == srgb_profile()


@pytest.mark.parametrize(("extension", "bits"), ALL)
def test_resolution_reads_back(extension: str, bits: int) -> None:
    dpi = read(encode(SMOOTH, extension, bits=bits, dpi=(300, 150))).dpi
    assert dpi == pytest.approx((300, 150), abs=0.02)
    assert read(encode(SMOOTH, extension, bits=bits)).dpi is None


@pytest.mark.parametrize(("extension", "bits"), ALL)
@pytest.mark.parametrize("text", [MANIFEST, "{}", json.dumps({"x": "y" * 60_000})], ids=["unicode", "small", "60 KB"])
def test_manifest_reads_back_to_the_letter(tmp_path: Path, extension: str, bits: int, text: str) -> None:
    path = write(tmp_path / f"cat{extension}", SMOOTH, bits=bits, manifest=text, dpi=(72, 72))
    assert read_manifest(path) == text
    assert read(path).rgb.shape == SMOOTH.shape


def test_manifest_too_long_for_jpeg_is_left_out_and_the_picture_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "cat.jpg", SMOOTH, manifest="é" * 40_000)
    assert read_manifest(path) is None
    assert read(path).rgb.shape == SMOOTH.shape


def test_no_manifest_is_none(tmp_path: Path) -> None:
    for extension in FORMATS:
        assert read_manifest(write(tmp_path / f"cat{extension}", SMOOTH)) is None
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "half.png").write_bytes(encode(SMOOTH, ".png")[:40])
    assert read_manifest(tmp_path / "text.png") is None
    assert read_manifest(tmp_path / "half.png") is None
    with pytest.raises(UnreadableImage):
        read_manifest(tmp_path / "missing.png")


def test_comments_of_other_programs_are_no_manifest(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0h\0i\0"
    Image.new("RGB", (4, 4)).save(tmp_path / "cat.jpg", exif=exif)
    assert read_manifest(tmp_path / "cat.jpg") is None


def test_jpeg_lays_alpha_over_white() -> None:
    picture = read(encode(torch.zeros(3, 16, 16), ".jpg", alpha=torch.full((16, 16), 0.25)))
    assert picture.alpha is None
    assert torch.allclose(picture.rgb, torch.tensor(0.75), atol=0.01)


def test_jpeg_keeps_color_at_full_resolution() -> None:
    with Image.open(io.BytesIO(encode(RGB, ".jpg"))) as image:
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("extension", [".jpg", ".webp"])
def test_better_quality_is_nearer_and_larger(extension: str) -> None:
    sizes, errors = [], []
    for quality in (30, 95):
        data = encode(RGB, extension, quality=quality)
        sizes.append(len(data))
        errors.append(float((read(data).rgb - RGB).abs().mean()))
    assert sizes[0] < sizes[1]
    assert errors[0] > errors[1]


def test_values_are_rounded_to_nearest_and_clamped() -> None:
    row = torch.tensor([-0.5, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 1.5])
    pixels = np.asarray(to_pil(row.expand(3, 1, 6)))
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 254, 255, 255]


def test_pil_image_has_the_mode_of_the_picture() -> None:
    assert to_pil(RGB).mode == "RGB"
    assert to_pil(RGB[None]).size == (32, 24)
    assert to_pil(RGB, ALPHA).mode == "RGBA"


def test_sixteen_bit_files_are_sixteen_bit_for_others_too() -> None:
    with tifffile.TiffFile(io.BytesIO(encode(RGB, ".tif", bits=16))) as file:
        assert file.pages[0].dtype == np.uint16
    assert encode(RGB, ".png", bits=16)[24] == 16


def test_what_a_format_cannot_hold_is_said_so() -> None:
    for extension in (".jpg", ".webp"):
        with pytest.raises(OutputError, match="holds 8 bits a channel, not 16"):
            encode(RGB, extension, bits=16)
    with pytest.raises(OutputError, match=r"at most 16383 px a side, the picture is 16384x1"):
        encode(torch.zeros(3, 1, 16384), ".webp")
    with pytest.raises(OutputError, match="NaN"):
        encode(torch.full((3, 4, 4), float("nan")), ".png")
    with pytest.raises(OutputError, match=r"\[3, H, W\]"):
        encode(torch.zeros(4, 4, 3), ".png")
    with pytest.raises(OutputError, match=r"alpha \[24, 32\]"):
        encode(RGB, ".png", alpha=torch.zeros(3, 3))


@pytest.mark.parametrize("quality", [1, 95, 100])
@pytest.mark.parametrize("extension", [".jpg", ".webp"])
def test_large_noise_is_written_at_any_quality(extension: str, quality: int) -> None:
    noise = torch.rand(3, 300, 900, generator=torch.Generator().manual_seed(1)).round()
    assert read(encode(noise, extension, quality=quality, manifest="x" * 60_000)).rgb.shape == noise.shape


def test_resolution_beyond_what_jpeg_counts_is_left_out() -> None:
    assert read(encode(SMOOTH, ".jpg", dpi=(100_000, 0.2))).dpi is None


def test_one_pixel_and_thin_pictures_are_written() -> None:
    for size, extension in itertools.product([(1, 1), (1, 300), (300, 1)], FORMATS):
        assert read(encode(torch.full((3, *size), 0.5), extension)).rgb.shape == (3, *size)
