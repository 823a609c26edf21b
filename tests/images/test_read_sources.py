"""Pictures come from files, pipes, open files and the standard input, and names are compared as people read them."""

import io
import os
import threading
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.images import READABLE, read, sources

PIXELS = np.random.default_rng(5).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


PNG = png()


class Pipe(io.BytesIO):
    """Bytes that come once."""

    def seekable(self) -> bool:
        return False


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Any:
    def give(stream: Any) -> None:
        monkeypatch.setattr(sources, "_piped", None)
        monkeypatch.setattr("sys.stdin", stream)

    return give


def test_an_open_file_reads_as_the_file_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        file.read(7)
        picture = read(file)
    assert picture.name == "cat"
    assert picture.encoded == PNG
    assert np.array_equal(picture.pixels, PIXELS)


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_a_file_in_memory_or_a_stream_reads_as_its_bytes(kind: Any) -> None:
    picture = read(kind(PNG))
    assert picture.name == "picture"
    assert np.array_equal(picture.pixels, PIXELS)


class Asynchronous:
    """An upload whose read must be awaited."""

    async def read(self, size: int) -> bytes:
        return PNG


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (io.StringIO("text"), "open it with mode 'rb'"),
        (io.BytesIO(b""), "gives no bytes"),
        (Asynchronous(), "gives bytes, got coroutine"),
        (io.BytesIO(b"%PDF-1.7"), "PDF is not one of"),
    ],
)
def test_an_open_file_that_gives_no_picture_is_said_so(file: Any, words: str) -> None:
    with pytest.raises(UnreadableImage, match=f"^content cannot be read: .*{words}"):
        read(file, role="content")


def test_a_closed_file_is_said_so() -> None:
    file = io.BytesIO(PNG)
    file.close()
    with pytest.raises(UnreadableImage, match="closed file"):
        read(file)


def test_a_minus_is_the_standard_input_each_time(standard_input: Any) -> None:
    standard_input(SimpleNamespace(buffer=Pipe(PNG)))
    first, again = read("-", role="content"), read("-", role="style")
    assert first.name == "stdin"
    assert first.encoded == again.encoded == PNG


def test_a_file_that_is_called_minus_is_read_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "-").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    assert read("./-").encoded == PNG
    assert read(Path("-")).encoded == PNG


class Terminal(io.BytesIO):
    """A standard input that nobody has redirected."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (None, "no standard input"),
        (SimpleNamespace(buffer=Terminal()), "nothing is piped in"),
        (SimpleNamespace(buffer=Pipe()), "is empty"),
        (SimpleNamespace(buffer=Pipe(b"y\n" * 5000)), "text is not one of"),
    ],
)
def test_a_standard_input_without_a_picture_is_said_so(standard_input: Any, stream: Any, words: str) -> None:
    standard_input(stream)
    with pytest.raises(UnreadableImage, match=f"^content from the standard input .*{words}"):
        read("-", role="content")


class Endless:
    """A stream that begins as a picture, and counts what is taken from it."""

    def __init__(self, beginning: bytes) -> None:
        self.beginning, self.taken = beginning, 0

    def read(self, size: int) -> bytes:
        self.taken += size
        return self.beginning[:size].ljust(size, b"\0")


def test_an_endless_stream_is_refused_by_its_kind_or_its_length() -> None:
    text = Endless(b"y\n" * (1 << 19))
    with pytest.raises(UnreadableImage, match="text is not one of"):
        read(text)
    assert text.taken <= 1 << 20
    with pytest.raises(ImageTooLarge, match="bytes, so it is more than 10 pixels"):
        read(Endless(PNG[:60]), max_pixels=10)


def test_a_pipe_reads_as_the_file_that_is_written_to_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(PNG,))
    writer.start()
    assert read(path).encoded == PNG
    writer.join()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_in_either_form_of_unicode(tmp_path: Path, form: Any) -> None:
    other = "NFD" if form == "NFC" else "NFC"
    folder = tmp_path / unicodedata.normalize(form, "Übung")
    folder.mkdir()
    (folder / unicodedata.normalize(form, "Größe.png")).write_bytes(PNG)
    typed = unicodedata.normalize(other, f"{tmp_path}/Übung/Größe.png")
    assert read(typed).encoded == PNG


def test_a_name_that_exists_as_typed_is_that_file(tmp_path: Path) -> None:
    composed, apart = (tmp_path / unicodedata.normalize(form, "ü.png") for form in ("NFC", "NFD"))
    composed.write_bytes(PNG)
    try:
        apart.touch(exist_ok=False)
    except FileExistsError:
        return  # this file system knows only one of the two
    assert read(composed).encoded == PNG
    with pytest.raises(UnreadableImage, match="is empty"):
        read(apart)


@pytest.mark.parametrize(
    "extension",
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".bmp", ".dib", ".gif", ".heic", ".hif", ".avif"],
)
def test_folders_are_searched_for_each_extension_that_such_files_have(extension: str) -> None:
    assert extension in READABLE
