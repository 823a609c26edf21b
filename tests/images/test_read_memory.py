"""Pictures that are already in memory: arrays, tensors, PIL images; and the bytes that keep them."""

import hashlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import UnreadableImage
from impasto.images import Picture, read
from impasto.images.colors.profile import srgb_profile

RANDOM = np.random.default_rng(2)


def same(a: Picture, b: Picture) -> bool:
    if a.alpha is None or b.alpha is None:
        return a.alpha is b.alpha and torch.equal(a.rgb, b.rgb) and a.bits == b.bits
    return torch.equal(a.rgb, b.rgb) and torch.equal(a.alpha, b.alpha) and a.bits == b.bits


def pil_images() -> list[Image.Image]:
    color = Image.fromarray(RANDOM.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    modes = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "La", "RGBa", "PA"]
    images = [color.convert("RGBA").convert(m) if m in {"La", "RGBa"} else color.convert(m) for m in modes if m != "La"]
    images[modes.index("F")] = Image.fromarray(RANDOM.random((4, 6), dtype=np.float32))
    return [*images, Image.fromarray(RANDOM.integers(0, 65536, (4, 6), dtype=np.uint16))]


ARRAYS: list[Any] = [
    RANDOM.integers(0, 256, (4, 6), dtype=np.uint8),
    *(RANDOM.integers(0, 256, (4, 6, channels), dtype=np.uint8) for channels in (1, 2, 3, 4)),
    *(RANDOM.integers(0, 65536, (4, 6, channels), dtype=np.uint16) for channels in (1, 2, 3, 4)),
    RANDOM.integers(0, 65536, (4, 6, 3), dtype=np.uint16).astype(">u2"),
    *(RANDOM.random((4, 6, 3)).astype(dtype) for dtype in (np.float16, np.float32, np.float64)),
    np.asfortranarray(RANDOM.random((4, 6, 3), dtype=np.float32))[::-1],
    torch.rand(3, 4, 6),
    torch.rand(1, 3, 4, 6, requires_grad=True),
    torch.rand(3, 4, 6).double(),
    torch.rand(3, 4, 6).bfloat16(),
    torch.rand(3, 6, 4).half().transpose(1, 2),
    torch.rand(4, 6),
    *(torch.randint(0, 256, (channels, 4, 6), dtype=torch.uint8) for channels in (1, 2, 3, 4)),
    torch.randint(0, 256, (1, 4, 4, 6)),
    torch.randint(0, 65536, (3, 4, 6), dtype=torch.int32).to(torch.uint16),
    torch.rand(4, 6) > 0.5,
    RANDOM.random((4, 6)) > 0.5,
    RANDOM.integers(0, 256, (4, 6, 3)),
    RANDOM.random((4, 6, 3)).astype(">f8"),
    RANDOM.integers(0, 256, (4, 6, 4), dtype=np.uint8)[::-1, ::-1, ::-1],
]


@pytest.mark.parametrize(
    "source",
    [*ARRAYS, *pil_images()],
    ids=lambda s: f"{getattr(s, 'dtype', s)}{getattr(s, 'shape', '')}"[:40],
)
def test_what_is_kept_reads_as_the_same_picture(source: Any) -> None:
    picture = read(source)
    assert picture.rgb.shape == (3, 4, 6)
    assert picture.name == "picture"
    assert same(read(picture.encoded), picture)
    assert picture.sha256 == hashlib.sha256(picture.encoded).hexdigest()


def test_floats_are_taken_as_they_are() -> None:
    values = RANDOM.random((4, 6, 3), dtype=np.float32)
    assert np.array_equal(read(values).rgb.permute(1, 2, 0).numpy(), values)
    tensor = torch.rand(3, 4, 6)
    assert torch.equal(read(tensor).rgb, tensor)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_tensor_reads_as_the_array_with_its_channels_last(channels: int, kind: Any) -> None:
    array = (RANDOM.random((4, 6, channels)) * (1 if kind is np.float32 else np.iinfo(kind).max)).astype(kind)
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    assert np.array_equal(read(tensor).pixels, array)
    assert np.array_equal(read(tensor[None]).pixels, array)


def test_true_is_white_and_false_black() -> None:
    truth = np.array([[True, False]])
    assert read(truth).pixels.tolist() == [[[255], [0]]]
    assert read(torch.from_numpy(truth)).pixels.tolist() == [[[255], [0]]]


def test_other_whole_numbers_up_to_255_are_eight_bits() -> None:
    numbers = np.array([[0, 7, 255]])
    assert numbers.dtype == np.int64
    picture = read(numbers)
    assert picture.bits == 8
    assert picture.pixels[..., 0].tolist() == [[0, 7, 255]]


def test_whatever_gives_an_array_reads_as_that_array() -> None:
    class Framework:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.full((2, 3), 9, np.uint8)

    assert read(Framework()).pixels.tolist() == np.full((2, 3, 1), 9).tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["content", "style"])
def test_wholly_transparent_content_and_style_are_refused_by_that_name(role: str) -> None:
    for hidden in (np.zeros((2, 2, 4), np.uint8), np.full((2, 2, 4), (65535, 0, 0, 128), np.uint16), np.zeros((2, 2, 2))):
        with pytest.raises(UnreadableImage, match=f"^{role} cannot be read: it is wholly transparent"):
            read(hidden, role=role)
    one_pixel = np.zeros((2, 2, 4), np.uint8)
    one_pixel[0, 0, 3] = 1
    assert read(one_pixel, role=role).size == (2, 2)


def test_depth_is_that_of_the_source() -> None:
    assert read(np.zeros((2, 2), np.uint8)).bits == 8
    assert read(np.zeros((2, 2), np.uint16)).bits == 16
    assert read(np.zeros((2, 2), np.float32)).bits == 16


def test_a_files_bytes_read_like_the_file(tmp_path: Any) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(ARRAYS[3]).save(path, dpi=(300, 300), icc_profile=srgb_profile())
    from_file = read(path)
    assert from_file.name == "cat"
    assert from_file.encoded == path.read_bytes()
    again = read(from_file.encoded, name="dog")
    assert again.name == "dog"
    assert again.dpi == from_file.dpi
    assert same(again, from_file)


def test_rounding_beyond_the_unit_range_is_clamped() -> None:
    rgb = read(np.array([[-1e-7, 1 + 1e-6]], np.float32)).rgb
    assert rgb[0].tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.full((2, 2), np.nan), "NaN"),
        (np.full((2, 2), np.inf), r"0\.\.1.*inf"),
        (np.full((2, 2, 3), 128.0), r"0\.\.1.*128"),
        (np.full((2, 2), -0.5), r"-0\.5"),
        (np.full((2, 2), 256), r"int64 numbers in 0\.\.255, got 256\.\.256"),
        (np.full((2, 2), -1, np.int8), r"int8 numbers in 0\.\.255, got -1"),
        (np.zeros((2, 2), complex), "complex"),
        (np.array([["a"]]), "U1"),
        (np.zeros((3, 4, 5), np.uint8), r"\(3, 4, 5\)"),
        (np.zeros((0, 5, 3), np.uint8), "5x0"),
        (np.zeros(5, np.uint8), r"\(5,\)"),
        (np.array(None), "object|shape"),
        (torch.zeros(5, 4, 3), r"\[5, 4, 3\]"),
        (torch.zeros(1, 64, 64, 3), r"\[1, 64, 64, 3\]"),
        (torch.zeros(2, 3, 4, 4), r"\[2, 3, 4, 4\]"),
        (torch.zeros(3, 4, 4, dtype=torch.complex64), "complex64"),
        (torch.zeros(3, 4, 4).to_sparse(), "dense"),
        (torch.zeros(3, 4, 4, device="meta"), "dense"),
        (torch.full((3, 2, 2), float("nan")), "NaN"),
        (None, "NoneType"),
        (42, "int"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_is_said_so(source: Any, words: str) -> None:
    with pytest.raises(UnreadableImage, match=rf"^style cannot be read: .*({words})"):
        read(source, role="style")


def test_damaged_npy_is_unreadable_and_takes_no_memory() -> None:
    data = read(np.zeros((2, 2), np.uint8)).encoded
    with pytest.raises(UnreadableImage):
        read(data[:-1])
    with pytest.raises(UnreadableImage):
        read(data.replace(b"(2, 2, 1)", b"(9999999999999, 9999999999999, 1)"[:9]))


def test_pickles_are_never_opened() -> None:
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableImage):
        read(file.getvalue())


def test_pil_image_on_a_truncated_file_is_unreadable() -> None:
    file = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(file, "PNG")
    with pytest.raises(UnreadableImage, match="damaged"):
        read(Image.open(io.BytesIO(file.getvalue()[:5000])))
