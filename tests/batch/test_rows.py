"""Which files a batch takes from folders and patterns, and what their pictures are called."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.batch import Outcome, Row, of_pictures
from impasto.batch.report import write_report
from impasto.batch.results import is_result
from impasto.batch.rows import unique_names
from impasto.errors import UnreadableImage
from impasto.images import write
from impasto.manifest import to_json


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("photos/a.png", "photos/b.png", "styles/x.png"):
        plain(tmp_path / name)
    return tmp_path / "photos"


def plain(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), 99, np.uint8)).save(path)
    return path


def result(path: Path, *, record: bool = True) -> Path:
    """A picture that impasto made, with or without the record beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = to_json({"finished": True, "content": {"name": "x" * 3000}})
    write(path, torch.rand(3, 400, 400, generator=torch.Generator().manual_seed(0)), manifest=text, overwrite=True)
    if record:
        path.with_name(path.name + ".json").write_text(text)
    return path


def names(*arguments: str, out: str) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    return [row.name for row in of_pictures(*arguments, out=Path(out), on_note=notes.append)], notes


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_picture_of_impasto_is_known_without_the_record_beside_it(tmp_path: Path, suffix: str) -> None:
    assert is_result(result(tmp_path / f"made{suffix}", record=False))
    assert not is_result(plain(tmp_path / f"plain{suffix}"))


def test_a_picture_that_the_folders_report_names_is_a_result(photos: Path) -> None:
    made = Outcome(Row("a.png", ("x.png",), "a_x"), "made", plain(photos / "a_x.png"))
    assert not is_result(photos / "a_x.png")
    write_report(photos, [made], seconds=1.0, unfinished=0)
    assert is_result(photos / "a_x.png") and not is_result(photos / "a.png")


def test_results_in_the_contents_folder_are_no_contents(photos: Path) -> None:
    first, _ = names("photos", "styles", out="photos")
    result(photos / "a_x.png")
    result(photos / "b_x.png", record=False)  # as a start leaves it that was killed just then
    again, notes = names("photos", "styles", out="photos")
    assert again == first == ["a_x", "b_x"]
    assert notes == ["2 pictures in photos made by an earlier start are not painted again"]


def test_results_in_the_styles_folder_are_no_styles(photos: Path) -> None:
    result(photos.parent / "styles" / "a_x.png")
    assert names("photos", "styles", out="styles")[0] == ["a_x", "b_x"]


@pytest.mark.parametrize("given", ["photos/**/*.png", "**/*.png"])
def test_results_below_a_recursive_pattern_are_no_contents(photos: Path, given: str) -> None:
    first, _ = names(given, "styles/x.png", out="photos/made")
    result(photos / "made" / "a_x.png")
    result(photos / "made" / "sub" / "b_x.png")
    assert names(given, "styles/x.png", out="photos/made")[0] == first


def test_other_pictures_in_the_batchs_folder_are_contents(photos: Path) -> None:
    plain(photos / "made" / "own.png")
    assert "own_x" in names("photos/**/*.png", "styles", out="photos/made")[0]


def test_results_of_one_batch_are_contents_of_the_next(photos: Path) -> None:
    result(photos.parent / "made" / "a_x.png")
    assert names("made", "styles", out="again")[0] == ["a_x_x"]


def test_a_folder_of_results_only_is_said(photos: Path) -> None:
    result(photos.parent / "made" / "a_x.png")
    with pytest.raises(UnreadableImage, match="results of an earlier start; choose another folder with -o"):
        names("made", "styles", out="made")


def test_what_is_passed_over_is_said_and_the_batchs_own_files_are_not(photos: Path) -> None:
    for name in ("notes.txt", "report.json", "index.html"):
        (photos / name).write_text("")
    os.mkfifo(photos / "live.png")
    plain(photos / "made" / "c.png")
    found, notes = names("photos", "styles", out="photos/made")
    assert found == ["a_x", "b_x"]
    assert notes == [
        "photos/live.png is a pipe, not a file, so it is passed over",
        "1 file in photos is passed over, no pictures by its name: notes.txt",
    ]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_in_either_form_of_unicode(photos: Path, form: str) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    plain(photos / unicodedata.normalize(other, "Übung.png"))  # type: ignore[arg-type]
    (row,) = of_pictures(unicodedata.normalize(form, "photos/Übung.png"), "styles")  # type: ignore[arg-type]
    assert Path(row.content).is_file()


def test_names_that_are_one_file_on_some_systems_get_numbers() -> None:
    composed = "\u00dcbung"
    pieces = unicodedata.normalize("NFD", composed)
    assert unique_names(["a", "A", "a"]) == ["a", "A-2", "a-3"]
    assert unique_names([composed, pieces, composed.lower()]) == [composed, f"{pieces}-2", f"{composed.lower()}-3"]


def test_a_long_name_is_cut_between_characters() -> None:
    for name in ("x" * 400, "画" * 100, "x" + "画" * 100, "caf\udce9" * 100):
        (cut,) = unique_names([name])
        assert name.startswith(cut) and 110 < len(cut.encode("utf-8", "surrogateescape")) <= 180
