"""Colours in a profile become sRGB; colours without one are taken for sRGB."""

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from impasto.images import read
from impasto.images.colors.profile import srgb_profile


def red_green_swapped() -> bytes:
    """sRGB in which red and green have changed places: no one can overlook that."""
    profile = bytearray(srgb_profile())
    swapped = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        name = bytes(profile[entry : entry + 4])
        profile[entry : entry + 4] = swapped.get(name, name)
    return bytes(profile)


def cyan_prints_gray() -> bytes:
    """A CMYK profile of two steps a channel: each ink takes a quarter of the lightness, none has colour."""
    corners = b"".join(bytes([255 - 63 * i.bit_count(), 128, 128]) for i in range(16))
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + corners + ramp * 3
    lut += bytes(-len(lut) % 4)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", 156, len(lut), b"wtpt", 156 + len(lut), len(white))
    body = tags + lut + white
    head = struct.pack(
        ">I4sI4s4s4s12s4s",
        128 + len(body),
        b"lcms",
        0x02400000,
        b"prtr",
        b"CMYK",
        b"Lab ",
        bytes(12),
        b"acsp",
    )
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + body


def eight(image: Image.Image, kind: str, icc: bytes | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, icc_profile=icc)
    return file.getvalue()


def deep_tiff(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def color(data: Any) -> list[float]:
    return [float(value) * 255 for value in read(data).rgb[:, 0, 0]]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_profile_of_an_eight_bit_file_is_applied(kind: str) -> None:
    data = eight(Image.new("RGB", (8, 8), (200, 100, 50)), kind, red_green_swapped())
    assert color(data) == pytest.approx([100, 200, 50], abs=4)


def test_profile_is_applied_beside_alpha() -> None:
    picture = read(eight(Image.new("RGBA", (4, 4), (200, 100, 50, 51)), "PNG", red_green_swapped()))
    assert (picture.rgb[:, 0, 0] * 255).tolist() == pytest.approx([100, 200, 50], abs=1)
    assert picture.alpha is not None
    assert float(picture.alpha[0, 0]) == pytest.approx(0.2)


@pytest.mark.parametrize("alpha", [[], [13107]])
def test_profile_of_a_sixteen_bit_tiff_is_applied(alpha: list[int]) -> None:
    pixels = np.full((4, 4, 3 + len(alpha)), [51400, 25700, 12850, *alpha], np.uint16)
    extra: dict[str, Any] = {"extrasamples": ["unassalpha"]} if alpha else {}
    data = deep_tiff(pixels, photometric="rgb", iccprofile=red_green_swapped(), **extra)
    assert color(data) == pytest.approx([100, 200, 50], abs=0.1)


def test_profile_of_a_float_tiff_is_applied() -> None:
    pixels = np.full((4, 4, 3), [200 / 255, 100 / 255, 50 / 255], np.float32)
    data = deep_tiff(pixels, photometric="rgb", iccprofile=red_green_swapped())
    assert color(data) == pytest.approx([100, 200, 50], abs=0.1)


def test_gray_profile_is_applied_in_both_depths() -> None:
    linear = imagecodecs.cms_profile("gray", gamma=1.0)
    assert color(eight(Image.new("L", (4, 4), 128), "PNG", linear)) == pytest.approx([188] * 3, abs=1)
    assert color(deep_tiff(np.full((4, 4), 128 * 257, np.uint16), iccprofile=linear)) == pytest.approx([188] * 3, abs=1)


def test_cmyk_profile_is_applied_in_both_depths() -> None:
    profile = cyan_prints_gray()
    shallow = color(eight(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF", profile))
    assert max(shallow) - min(shallow) < 3, "cyan ink is gray in this profile"
    deep = np.full((4, 4, 4), (65535, 0, 0, 0), np.uint16)
    assert color(deep_tiff(deep, photometric="separated", iccprofile=profile)) == pytest.approx(shallow, abs=1)


def test_lab_reads_as_its_color_in_both_depths() -> None:
    to_lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.new("RGB", (4, 4), (200, 100, 50)), *to_lab, outputMode="LAB")
    assert lab is not None
    shallow = color(eight(lab, "TIFF"))
    assert shallow == pytest.approx([200, 100, 50], abs=2)
    lightness, a, b = np.asarray(lab)[0, 0].tolist()
    deep = np.full((4, 4, 3), (lightness * 257, a * 256, b * 256), np.uint16)
    assert color(deep_tiff(deep, photometric="cielab")) == pytest.approx(shallow, abs=1)


@pytest.mark.parametrize("broken", [b"not a profile", srgb_profile()[:200], cyan_prints_gray()])
def test_broken_or_foreign_profile_is_ignored(broken: bytes) -> None:
    assert color(eight(Image.new("RGB", (4, 4), (200, 100, 50)), "PNG", broken)) == pytest.approx([200, 100, 50])
    deep = np.full((4, 4, 3), [51400, 25700, 12850], np.uint16)
    assert color(deep_tiff(deep, photometric="rgb", iccprofile=broken)) == pytest.approx([200, 100, 50])


def test_own_profile_changes_no_value() -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    data = eight(Image.fromarray(pixels), "PNG", srgb_profile())
    assert np.array_equal((read(data).rgb.numpy() * 255).round().transpose(1, 2, 0), pixels)


def test_own_profile_is_srgb_with_a_fixed_date() -> None:
    assert srgb_profile()[24:36] == struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
