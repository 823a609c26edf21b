"""The examples that the documentation shows, run small."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_python_example_paints_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.run import levels

    monkeypatch.setattr(levels, "default_iterations", lambda _: 2)
    picture = runpy.run_path(str(EXAMPLES / "python_api.py"))["main"](64, tmp_path)
    with Image.open(picture) as made:
        assert made.size == (64, 43)
    assert "J fell from" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "count"), [("styles", 3), ("color", 4), ("regions", 2), ("style_masks", 4), ("regions_made", 4), ("losses", 5)]
)
def test_the_pictures_of_a_page_are_side_by_side(name: str, count: int, tmp_path: Path) -> None:
    made = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](48, tmp_path / "made.jpg", iterations=2, levels=1)
    with Image.open(made) as picture:
        assert picture.width == count * 48


def test_the_presets_are_side_by_side(tmp_path: Path) -> None:
    main = runpy.run_path(str(EXAMPLES / "presets.py"))["main"]
    with Image.open(main(48, tmp_path / "made.jpg", iterations=2, levels=1)) as picture:
        assert picture.size == (2 * 32 + 4 * 48, 32)
