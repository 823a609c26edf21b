"""The example pictures: painted the same each time, with contrast and colours, each with its source."""

import hashlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
PICTURES = sorted(
    path.relative_to(EXAMPLES).as_posix() for folder in ("styles", "photos") for path in (EXAMPLES / folder).iterdir()
)
STYLES = sorted(path.stem for path in (EXAMPLES / "styles").iterdir())
KILOBYTE = 1000


def paint(out: Path, *options: str) -> str:
    command = [
        sys.executable,
        str(EXAMPLES / "paint_styles.py"),
        "--size",
        "96x64",
        "--out",
        str(out),
        *options,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("painted")
    paint(out)
    return out


@cache
def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float32) / 255


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_each_committed_style_is_one_that_the_script_paints(painted: Path) -> None:
    assert sorted(path.stem for path in painted.iterdir()) == STYLES


def test_the_same_seed_paints_the_same_bytes(painted: Path, tmp_path: Path) -> None:
    paint(tmp_path)
    assert [digest(tmp_path / f"{name}.jpg") for name in STYLES] == [digest(painted / f"{name}.jpg") for name in STYLES]


def test_another_seed_paints_another_picture(painted: Path, tmp_path: Path) -> None:
    paint(tmp_path, "--style", "waves", "--seed", "8")
    assert digest(tmp_path / "waves.jpg") != digest(painted / "waves.jpg")


@pytest.mark.parametrize("name", STYLES)
def test_a_painted_style_has_the_size_that_was_asked_for(painted: Path, name: str) -> None:
    assert pixels(painted / f"{name}.jpg").shape == (64, 96, 3)


@pytest.mark.parametrize("name", STYLES)
def test_a_style_has_contrast(painted: Path, name: str) -> None:
    assert pixels(painted / f"{name}.jpg").mean(axis=2).std() > 0.12


@pytest.mark.parametrize("name", STYLES)
def test_a_style_has_many_colours(painted: Path, name: str) -> None:
    coarse = (pixels(painted / f"{name}.jpg") * 3.999).astype(int).reshape(-1, 3)
    _, counts = np.unique(coarse, axis=0, return_counts=True)
    assert (counts >= 10).sum() >= 12


@pytest.mark.parametrize("name", STYLES)
def test_a_committed_style_has_no_dead_area(name: str) -> None:
    gray = pixels(EXAMPLES / "styles" / f"{name}.jpg").mean(axis=2)
    blocks = gray[: gray.shape[0] // 64 * 64, : gray.shape[1] // 64 * 64]
    blocks = blocks.reshape(blocks.shape[0] // 64, 64, blocks.shape[1] // 64, 64)
    assert blocks.std(axis=(1, 3)).min() > 0.02


def test_each_picture_is_named_in_the_sources_and_each_source_is_there() -> None:
    named = re.findall(r"^(?:styles|photos)/\S+\.jpg$", (EXAMPLES / "SOURCES.txt").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == PICTURES


def test_each_source_states_author_source_licence_and_changes() -> None:
    entries = (EXAMPLES / "SOURCES.txt").read_text("utf-8").strip().split("\n\n")[1:]
    fields = [re.findall(r"^  (\w+):", entry, re.MULTILINE) for entry in entries]
    assert fields == [["what", "author", "source", "licence", "changes"]] * len(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_enough_for_a_repository(name: str) -> None:
    limit = 500 if name.startswith("styles") else 250
    assert (EXAMPLES / name).stat().st_size < limit * KILOBYTE


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_at_most_1024_px_long(name: str) -> None:
    assert max(pixels(EXAMPLES / name).shape) <= 1024


def test_a_size_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "paint_styles.py"), "--size", "huge", "--out", str(tmp_path)]
    assert "WIDTHxHEIGHT" in subprocess.run(command, check=False, capture_output=True, text=True).stderr
