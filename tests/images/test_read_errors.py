"""What cannot be read is said in one line: which picture, what is wrong, what to do."""

import io
import re
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import ImageTooLarge, ImpastoError, UnreadableImage
from impasto.images import read
from impasto.images.embed import png_chunk

NOISE = np.random.default_rng(3).integers(0, 256, (24, 32, 4), dtype=np.uint8)


def by_pillow(kind: str, pixels: np.ndarray = NOISE[..., :3], **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def samples() -> dict[str, bytes]:
    """One real file of every kind."""
    import pillow_heif

    heic, tiff = io.BytesIO(), io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(NOISE[..., :3])).save(heic)
    deep = NOISE.astype(np.uint16) * 257
    tifffile.imwrite(tiff, deep, photometric="rgb", extrasamples=["unassalpha"], compression="zlib")
    npy = io.BytesIO()
    np.save(npy, NOISE)
    kinds = ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"]
    files = {kind: by_pillow(kind) for kind in kinds}
    return files | {
        "PNG16": bytes(imagecodecs.png_encode(deep)),
        "TIFF16": tiff.getvalue(),
        "HEIC": heic.getvalue(),
        "NPY": npy.getvalue(),
    }


SAMPLES = samples()


def fails(source: Any, words: str, **options: Any) -> None:
    with pytest.raises(UnreadableImage, match=words) as caught:
        read(source, role="content", **options)
    assert str(caught.value).startswith("content ")
    assert "\n" not in str(caught.value)


def test_missing_file_is_named_with_its_likely_twin(tmp_path: Path) -> None:
    (tmp_path / "katze.jpg").write_bytes(SAMPLES["JPEG"])
    fails(tmp_path / "kazte.jpg", r"kazte\.jpg does not exist; did you mean .*katze\.jpg\?")
    fails(tmp_path / "nowhere" / "cat.jpg", "does not exist; neither does its folder")
    fails(tmp_path / "katze.jpg" / "cat.jpg", "does not exist")


def test_folder_empty_file_and_device_are_said_so(tmp_path: Path) -> None:
    fails(tmp_path, "is a folder")
    (tmp_path / "empty.png").write_bytes(b"")
    fails(tmp_path / "empty.png", r"empty\.png is empty \(0 bytes\)")
    fails("/dev/zero", "is a device")
    fails(b"", "no bytes")


def test_addresses_and_impossible_paths_are_said_so() -> None:
    fails("https://example.org/cat.jpg", "download it first")
    fails("cat\0.jpg", "cannot be read")
    fails("c" * 5000 + ".jpg", "cannot be read")
    fails("~nobody-of-this-name/cat.jpg", "does not exist")


def test_forbidden_file_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(SAMPLES["PNG"])

    def forbidden(self: Path, mode: str) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    fails(path, "may not be read by you")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello, this is no picture", "text is not one of PNG"),
        (b"<!DOCTYPE html><html>404</html>", "a web page is not one of"),
        (b'<?xml version="1.0"?><svg xmlns=""/>', "SVG is not one of"),
        (b"%PDF-1.7 \xff\xff", "PDF is not one of"),
        (b"\x00\x01\x02\xff" * 30, "this kind of file is not one of"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    fails(path, words)


@pytest.mark.parametrize("kind", list(SAMPLES))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_file_is_damaged(kind: str, share: float) -> None:
    fails(SAMPLES[kind][: int(len(SAMPLES[kind]) * share)], "damaged|promises|download")


@pytest.mark.parametrize("name", ["ünï çødé 日本.png", "with spaces.png", "[brackets].png", "a%20b#c?.png", "no extension"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(SAMPLES["PNG"])
    assert read(str(path)).name == path.stem


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "cat.png").write_bytes(SAMPLES["PNG"])
    assert read("~/cat.png").name == "cat"


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_too_many_pixels_are_refused_from_the_header(kind: str) -> None:
    with pytest.raises(ImageTooLarge, match=r"^style has .*768 pixels, the limit is 767; shrink"):
        read(SAMPLES[kind], role="style", max_pixels=767)
    assert read(SAMPLES[kind], max_pixels=768).rgb.shape == (3, 24, 32)


def huge_png(depth: int) -> bytes:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, depth, 2, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(99))) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    "data",
    [
        huge_png(8),
        huge_png(16),
        SAMPLES["BMP"][:18] + struct.pack("<ii", 100_000, 100_000) + SAMPLES["BMP"][26:],
        SAMPLES["GIF"][:6] + struct.pack("<HH", 65535, 65535) + SAMPLES["GIF"][10:],
        SAMPLES["JPEG"].replace(struct.pack(">HH", 24, 32), struct.pack(">HH", 65000, 65000), 1),
    ],
    ids=["PNG", "PNG16", "BMP", "GIF", "JPEG"],
)
def test_huge_claims_are_refused_before_any_memory_is_taken(data: bytes) -> None:
    with pytest.raises(ImageTooLarge, match="pixels, the limit is 268,435,456"):
        read(data)


def test_pillows_own_limit_neither_stops_nor_warns_below_ours_and_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    filters = list(warnings.filters)
    for kind, data in SAMPLES.items():
        assert read(data).rgb.shape == (3, 24, 32), kind
    with pytest.raises(ImpastoError):
        read(SAMPLES["PNG"][:60])
    assert Image.MAX_IMAGE_PIXELS == 10
    assert warnings.filters == filters


def test_threads_read_with_different_limits_and_leave_pillow_as_it_was() -> None:
    before, failures = Image.MAX_IMAGE_PIXELS, []

    def work(limit: int) -> None:
        for data in [*SAMPLES.values()] * 3:
            try:
                read(data, max_pixels=limit)
                if limit < 768:
                    failures.append("read beyond the limit")
            except ImageTooLarge:
                if limit >= 768:
                    failures.append("refused below the limit")

    threads = [threading.Thread(target=work, args=(limit,)) for limit in (100, 10**6, 700, 10**7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert before == Image.MAX_IMAGE_PIXELS


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reads_or_says_why(data: bytes) -> None:
    try:
        picture = read(data, role="content", max_pixels=100_000)
    except ImpastoError as error:
        assert re.match("content (cannot be read|has|needs)", str(error))
        assert "\n" not in str(error)
    else:
        assert picture.rgb.isfinite().all()
        assert 0 <= picture.rgb.min() <= picture.rgb.max() <= 1


MAGIC = [data[:12] for data in SAMPLES.values()]


@QUICK
@given(magic=st.sampled_from([b"", *MAGIC]), rest=st.binary(max_size=300))
def test_random_bytes_read_or_are_an_impasto_error(magic: bytes, rest: bytes) -> None:
    reads_or_says_why(magic + rest)


@pytest.mark.parametrize("kind", list(SAMPLES))
@settings(QUICK, max_examples=30)
@given(data=st.data())
def test_damaged_files_read_or_are_an_impasto_error(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(SAMPLES[kind])
    header_or_anywhere = st.one_of(st.integers(0, min(200, len(damaged) - 1)), st.integers(0, len(damaged) - 1))
    for position in data.draw(st.lists(header_or_anywhere, min_size=1, max_size=8)):
        damaged[position] = data.draw(st.integers(0, 255))
    reads_or_says_why(bytes(damaged[: data.draw(st.integers(len(damaged) // 2, len(damaged)))]))
