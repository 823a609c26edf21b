"""The record of a picture's making: what it tells, that it can be left out, and that a picture is repeated from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from impasto.images import read_manifest

Command = Callable[..., Any]
SMALL = ("--size", "64", "--levels", "1", "--iterations", "2", "-q")


@pytest.fixture
def secret(here: Path) -> Path:
    """A folder whose name nobody is to read, with the photograph."""
    folder = here / "clients" / "secret"
    folder.mkdir(parents=True)
    shutil.move("photo.png", folder / "photo.png")
    return folder


def rate(photograph: Path) -> None:
    """Write a rating into a photograph, as viewers do."""
    exif = Image.Exif()
    exif[0x4746] = 5
    with Image.open(photograph) as image:
        image.load()
        image.save(photograph, exif=exif)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_picture_tells_no_folder_of_its_inputs(secret: Path, impasto: Command, suffix: str) -> None:
    assert impasto("stylize", secret / "photo.png", "paint.png", *SMALL, "-o", f"a{suffix}").code == 0
    data = Path(f"a{suffix}").read_bytes()
    assert b"secret" not in data and b"clients" not in data
    assert json.loads(read_manifest(f"a{suffix}") or "")["content"]["file"] == "photo.png"
    assert json.loads(Path(f"a{suffix}.json").read_text("utf-8"))["content"]["path"] == str(secret / "photo.png")


def test_without_a_record_there_is_none_inside_or_beside_and_an_older_one_goes(here: Path, impasto: Command) -> None:
    assert impasto("stylize", "photo.png", "paint.png", *SMALL, "-o", "a.png").code == 0
    assert impasto("stylize", "photo.png", "paint.png", *SMALL, "-o", "a.png", "--overwrite", "--no-record").code == 0
    assert read_manifest("a.png") is None and not Path("a.png.json").exists()
    ended = impasto("repeat", "a.png", "-o", "b.png")
    assert ended.code == 2 and "a.png carries no manifest" in ended.err
    assert impasto("texture", "paint.png", *SMALL, "-o", "t.png", "--no-record").code == 0
    assert read_manifest("t.png") is None and not Path("t.png.json").exists()


def test_a_picture_is_repeated_from_its_record_beside_it_else_from_files_beside_it(secret: Path, impasto: Command) -> None:
    assert impasto("stylize", secret / "photo.png", "paint.png", *SMALL, "-o", "a.png").code == 0
    assert impasto("repeat", "a.png", "-o", "b.png", "-q").code == 0
    elsewhere = secret.parent / "published"
    elsewhere.mkdir()
    shutil.copy("a.png", elsewhere)
    ended = impasto("repeat", elsewhere / "a.png", "-o", "c.png", "-q")
    assert ended.code == 2 and "photo.png lies neither here nor beside the picture" in ended.err and "--content" in ended.err
    shutil.copy(secret / "photo.png", elsewhere)
    assert impasto("repeat", elsewhere / "a.png", "-o", "c.png", "-q").code == 0
    pictures = [Image.open(name).tobytes() for name in ("a.png", "b.png", "c.png")]
    assert pictures[0] == pictures[1] == pictures[2]


def test_a_rating_in_the_photograph_does_not_keep_a_picture_from_being_repeated(here: Path, impasto: Command) -> None:
    assert impasto("stylize", "photo.png", "paint.png", *SMALL, "-o", "a.png").code == 0
    before = Path("photo.png").read_bytes()
    rate(Path("photo.png"))
    assert Path("photo.png").read_bytes() != before
    assert impasto("repeat", "a.png", "-o", "b.png", "-q").code == 0
    Image.open("paint.png").resize((64, 48)).rotate(180).save("photo.png")
    ended = impasto("repeat", "a.png", "-o", "c.png", "-q")
    assert ended.code == 2 and "photo.png is not the picture it was" in ended.err


def test_a_start_image_is_found_again_by_its_name(secret: Path, impasto: Command) -> None:
    start = secret / "start.png"
    shutil.copy(secret / "photo.png", start)
    assert impasto("stylize", secret / "photo.png", "paint.png", *SMALL, "--init", start, "-o", "a.png").code == 0
    facts = json.loads(read_manifest("a.png") or "")
    assert facts["settings"]["init"] == facts["start"]["file"] == "start.png"
    Path("a.png.json").unlink()
    for name in ("photo.png", "start.png"):
        shutil.copy(secret / name, ".")
    assert impasto("repeat", "a.png", "-o", "b.png", "-q").code == 0
    assert Image.open("a.png").tobytes() == Image.open("b.png").tobytes()
