"""`impasto style` on the real network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from impasto import manifest

Command = Callable[..., Any]


@pytest.mark.usefixtures("real_network")
def test_a_style_file_is_made_shown_merged_and_used(here: Path, impasto: Command) -> None:
    ended = impasto("style", "make", "paint.png", "-o", "a.style")
    assert ended.code == 0 and ended.out.startswith("a.style  ")
    assert impasto("style", "make", "a.style", "photo.png:0.25", "-o", "b.style", "-q").out == "b.style\n"
    shown = impasto("style", "show", "b.style").out
    assert "80.0%  paint" in shown and "20.0%  photo" in shown and "gram, centered, moments" in shown
    facts = json.loads(impasto("style", "show", "b.style", "--json").out)
    assert [picture["name"] for picture in facts["pictures"]] == ["paint", "photo"]
    assert impasto("stylize", "photo.png", "b.style", "--size", "64", "--iterations", "3", "-q", "-o", "c.png").code == 0
    assert manifest.load(Path("c.png"))["styles"][0]["name"] == "b"
    assert impasto("repeat", "c.png", "-q", "-o", "d.png").code == 0


def test_names_in_a_style_file_of_others_give_the_terminal_no_orders(here: Path, impasto: Command) -> None:
    Path("paint.png").rename("pa\x1b]0;title\x07int.png")
    assert impasto("style", "make", "pa\x1b]0;title\x07int.png", "-o", "a.style", "--layers", "conv1_1", "-q").code == 0
    ended = impasto("style", "show", "a.style")
    assert ended.code == 0 and "pa\ufffd]0;title\ufffdint" in ended.out and not {"\x1b", "\x07"} & set(ended.out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["paint.png", "-o", "a.png"], "a style file's name ends in .style"),
        (["paint.png", "-o", "photo.png.style", "--for", "gramm"], "there is no style loss 'gramm'"),
        (["paint.png", "-o", "a.style", "--layers", "conv9_9"], "conv9_9"),
        (["paint.png", "-o", "a.style", "--pooling", "min"], "pooling"),
        (["empty.png", "-o", "a.style"], "empty"),
        (["nowhere.style", "-o", "a.style"], "does not exist"),
        (["paint.png", "-o", "taken.style"], "taken.style exists"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(here: Path, impasto: Command, arguments: list[str], message: str) -> None:
    Path("taken.style").write_bytes(b"mine")
    Path("empty.png").write_bytes(b"")
    ended = impasto("style", "make", *arguments)
    assert ended.code == 2 and message in ended.err and ended.err.count("\n") == 1
    assert Path("taken.style").read_bytes() == b"mine" and not Path("a.style").exists()
