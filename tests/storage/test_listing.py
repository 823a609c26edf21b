"""Folders and patterns give regular files only, in order, and say what they pass over."""

from __future__ import annotations

import os
import socket
import unicodedata
from pathlib import Path

import pytest

from impasto.storage.listing import by_pattern, in_folder, on_disk, problem

PICTURES = (".png", ".jpg")


def touched(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return paths


def test_a_folder_gives_files_by_extension_in_order(tmp_path: Path) -> None:
    b, a, _, _ = touched(tmp_path, "b.PNG", "a.jpg", ".hidden.png", "Thumbs.db")
    found = in_folder(tmp_path, PICTURES, kind="pictures")
    assert (found.files, found.notes) == ([a, b], [])


def test_files_with_other_names_are_said_in_one_line(tmp_path: Path) -> None:
    touched(tmp_path, "a.png", "a.png.json", "report.json", "1.xyz", "2.xyz", "3.xyz", "4.xyz")
    (note,) = in_folder(tmp_path, PICTURES, kind="pictures", untold=("report.json",)).notes
    assert note == f"4 files in {tmp_path} are passed over, no pictures by their names: 1.xyz, 2.xyz, 3.xyz and 1 more"


def test_folders_in_a_folder_are_said_not_to_be_searched(tmp_path: Path) -> None:
    touched(tmp_path, "a.png", "2024/b.png")
    (note,) = in_folder(tmp_path, PICTURES, kind="pictures").notes
    assert "is not searched, " in note and note.endswith("2024")


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "dangling", "loop"])
def test_what_is_no_regular_file_is_passed_over_and_said(tmp_path: Path, kind: str) -> None:
    (good,) = touched(tmp_path, "good.png")
    odd = tmp_path / "odd.png"
    listening = socket.socket(socket.AF_UNIX)
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind == "socket":
        before = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket is short
        listening.bind("odd.png")
        os.chdir(before)
    elif kind == "folder":
        odd.mkdir()
    else:
        odd.symlink_to("nothing" if kind == "dangling" else "odd.png")
    listening.close()
    for found in (in_folder(tmp_path, PICTURES, kind="pictures"), by_pattern(str(tmp_path / "*.png"), PICTURES)):
        assert found.files == [good]
        assert len(found.notes) == 1 and "odd.png" in found.notes[0] and "passed over" in found.notes[0]
    assert problem(odd) is not None and problem(good) is None


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(*touched(tmp_path / "elsewhere", "a.png"))
    assert [path.name for path in in_folder(tmp_path, PICTURES, kind="pictures").files] == ["link.png"]


def test_brackets_in_the_name_of_a_folder_are_no_pattern(tmp_path: Path) -> None:
    files = touched(tmp_path / "trip [2024]", "a.png", "b.png")
    assert by_pattern(str(tmp_path / "trip [2024]" / "*.png"), PICTURES).files == files


def test_a_recursive_pattern_gives_each_file_once(tmp_path: Path) -> None:
    files = touched(tmp_path, "a.png", "sub/b.png", "sub/sub/c.png")
    assert by_pattern(str(tmp_path / "**" / "*"), PICTURES).files == files


@pytest.mark.parametrize(("typed", "kept"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_is_found_in_the_other_form_of_unicode(tmp_path: Path, typed: str, kept: str) -> None:
    (there,) = touched(tmp_path, unicodedata.normalize(kept, "Übung/für.png"))  # type: ignore[arg-type]
    asked = tmp_path / unicodedata.normalize(typed, "Übung/für.png")  # type: ignore[arg-type]
    assert on_disk(asked).samefile(there)
    assert on_disk(tmp_path / "none.png") == tmp_path / "none.png"
