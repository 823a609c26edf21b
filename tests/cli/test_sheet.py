"""Contact sheets."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.images.contact import contact_sheet

Command = Callable[..., Any]
QUICK = ("--size", "48", "--iterations", "3")


def test_a_sheet_has_a_field_for_each_strength_and_stroke_size(here: Path, impasto: Command) -> None:
    ended = impasto("sheet", "photo.png", "paint.png", *QUICK, "--strengths", "0.2,0.8", "--pooling", "average", "--json")
    assert ended.code == 0, ended.err
    facts = json.loads(ended.out)
    assert (facts["rows"], facts["columns"]) == (["scale 0.5", "scale 1"], ["strength 0.2", "strength 0.8"])
    with Image.open(facts["picture"]) as picture:
        sheet = np.asarray(picture.convert("RGB"), dtype=int)
    fields = [sheet[y : y + 36, x : x + 48] for y in (26, 68) for x in (sheet.shape[1] - 108, sheet.shape[1] - 54)]
    assert all(field.std() > 10 for field in fields)
    assert not np.array_equal(fields[0], fields[1]), "strengths differ"
    assert not np.array_equal(fields[0], fields[2]), "stroke sizes differ"


def test_the_command_of_a_field_makes_its_picture(here: Path, impasto: Command) -> None:
    ended = impasto("sheet", "photo.png", "paint.png", *QUICK, "--strengths", "0.6", "--style-scales", "1", "-o", "a.png")
    (line,) = [line for line in ended.err.splitlines() if line.startswith("1/1")]
    command = shlex.split(line.partition("  ")[2])
    assert command[0] == "impasto"
    assert impasto(*command[1:], "--size", "48", "-o", "b.png").code == 0
    with Image.open("a.png") as sheet, Image.open("b.png") as picture:
        field = np.asarray(sheet.convert("RGB"))[26 : 26 + picture.height, -54:-6]
        assert np.array_equal(field, np.asarray(picture))


def test_losses_are_columns_where_strength_has_no_effect_too(here: Path, impasto: Command) -> None:
    quick = ("--size", "48", "--iterations", "1", "--style-scales", "1")
    ended = impasto("sheet", "photo.png", "paint.png", "--preset", "coursera", "--style-losses", "gram,moments", *quick, "--json")
    assert ended.code == 0, ended.err
    assert len(json.loads(ended.out)["columns"]) == 2


def test_several_styles_are_rows(here: Path, impasto: Command) -> None:
    ended = impasto("sheet", "photo.png", "paint.png", "photo.png", *QUICK, "--strengths", "0.5", "--json")
    assert json.loads(ended.out)["rows"] == ["paint", "photo"]


def test_a_sheet_refuses_what_it_cannot_vary(here: Path, impasto: Command) -> None:
    ended = impasto("sheet", "photo.png", "paint.png", "--preset", "coursera")
    assert ended.code == 2 and "strength has no effect" in ended.err
    assert impasto("sheet", "photo.png", "paint.png", "--strengths", "2").code == 2
    unknown = impasto("sheet", "photo.png", "paint.png", "--style-losses", "gram,grams")
    assert unknown.code == 2 and "grams" in unknown.err
    assert impasto("sheet", "photo.png", "paint.png", "--style-scales", "x").code == 2
    assert not list(here.glob("output/*"))


def test_a_missing_picture_is_a_grey_field() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1).expand(3, 10, 12)
    sheet = contact_sheet([[red, None]], rows=["row"], columns=["a", "b"], size=(10, 12))
    assert torch.equal(sheet[:, 26:36, -36:-24], red)
    assert torch.allclose(sheet[:, 26:36, -18:-6], torch.tensor(225 / 255))


def test_a_sheet_whose_later_cell_fails_keeps_the_earlier_ones(
    here: Path, impasto: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.run import sheet

    made = sheet.prepare
    count = 0

    def second_fails(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise MemoryError
        return made(*arguments)

    monkeypatch.setattr(sheet, "prepare", second_fails)
    ended = impasto("sheet", "photo.png", "paint.png", *QUICK, "--style-scales", "1", "-o", "a.png", "-q")
    assert (ended.code, ended.out) == (1, "a.png\n")
    assert "memory" in ended.err and "grey fields" in ended.err
    with Image.open("a.png") as picture:
        assert np.asarray(picture.convert("RGB"))[26:62, -54 * 3 + 6 : -54 * 2].std() > 10


def test_a_sheet_that_finds_its_place_taken_goes_elsewhere(here: Path, impasto: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from impasto.run.sheet import Sheet

    make = Sheet.make

    def meanwhile_removed(*arguments: Any, **options: Any) -> Any:
        made = make(*arguments, **options)
        (here / "gone" / "a.png").mkdir()
        return made

    monkeypatch.setattr(Sheet, "make", meanwhile_removed)
    ended = impasto("sheet", "photo.png", "paint.png", *QUICK, "--strengths", "1", "--style-scales", "1", "-o", "gone/a.png")
    assert ended.code == 0 and ended.out == f"{here / 'a.png'}\n"
    assert "gone/a.png" in ended.err and (here / "a.png").is_file()
