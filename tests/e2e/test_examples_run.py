"""The examples that the documentation shows, run small."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.samples import tiny_weights

from impasto.run import api

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK: dict[str, Any] = {"iterations": 3, "levels": 1, "style_layers": {"conv1_1": 1.0}, "content_layers": {"conv2_1": 1.0}}


def test_the_python_example_paints_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.run import levels

    monkeypatch.setattr(levels, "default_iterations", lambda _: 2)
    picture = runpy.run_path(str(EXAMPLES / "python_api.py"))["main"](64, tmp_path)
    with Image.open(picture) as made:
        assert made.size == (64, 43)
    assert "J fell from" in capsys.readouterr().out


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pictures look like is no matter here."""
    monkeypatch.setattr(api, "load", lambda name="vgg19": tiny_weights())


@pytest.mark.usefixtures("tiny_network")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("styles", 3),
        ("color", 5),
        ("regions", 2),
        ("style_masks", 4),
        ("regions_made", 4),
        ("losses", 5),
        ("guides", 3),
        ("textures", 3),
    ],
)
def test_the_pictures_of_a_page_are_side_by_side(name: str, count: int, tmp_path: Path) -> None:
    made = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](48, tmp_path / "made.jpg", **QUICK)
    with Image.open(made) as picture:
        assert picture.width == count * 48


@pytest.mark.usefixtures("tiny_network")
def test_the_presets_are_side_by_side(tmp_path: Path) -> None:
    main = runpy.run_path(str(EXAMPLES / "presets.py"))["main"]
    with Image.open(main(48, tmp_path / "made.jpg", **QUICK)) as picture:
        assert picture.size == (2 * 32 + 4 * 48, 32)
