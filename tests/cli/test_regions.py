"""`impasto regions`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Command = Callable[..., Any]


def test_a_map_and_a_mask_for_each_region_are_written_and_can_be_used(here: Path, impasto: Command) -> None:
    ended = impasto("regions", "photo.png", "--count", "3", "--json")
    assert ended.code == 0, ended.err
    facts = json.loads(ended.out)
    masks = [np.asarray(Image.open(region["mask"]).convert("L"), dtype=int) for region in facts["regions"]]
    assert abs(sum(masks) - 255).max() <= 2
    assert abs(sum(region["share"] for region in facts["regions"]) - 1) < 1e-3
    assert impasto("regions", "photo.png", "--count", "3").code == 2, "nothing is replaced"
    first = facts["regions"][0]["mask"]
    small = ("--size", "64", "--iterations", "2", "-q")
    assert impasto("stylize", "photo.png", "--region", f"{first}=paint.png", *small).code == 0
    again = impasto("regions", facts["map"], "--from-map", "-o", "mine")
    assert again.code == 0 and Path("mine.region-1.png").exists() and not Path("mine.regions.png").exists()


def test_the_commands_that_it_proposes_hold_for_names_with_control_characters(here: Path, impasto: Command) -> None:
    Path("photo.png").rename("a\nb's.png")
    ended = impasto("regions", "a\nb's.png", "--count", "2", "--by", "colors", "-o", "r")
    assert ended.code == 0
    assert "  impasto stylize $'a\\012b\\047s.png' --region r.region-1.png=PAINTING.jpg\n" in ended.out


def test_wrong_input_is_said_in_one_line(here: Path, impasto: Command) -> None:
    for arguments, message in (
        (["photo.png", "--by", "smell"], "--by expects features or colors, got smell"),
        (["photo.png", "--count", "1"], "2 to 12 regions, not 1"),
        (["nowhere.png"], "nowhere.png does not exist"),
        (["photo.png", "--from-map"], "paint regions in flat colours"),
    ):
        ended = impasto("regions", *arguments)
        assert ended.code == 2 and message in ended.err and ended.err.count("\n") == 1
    assert not Path("output").exists() or not list(Path("output").iterdir())


def test_a_picture_of_one_colour_is_said_to_be_one_region(here: Path, impasto: Command) -> None:
    Image.new("RGB", (64, 48), (200, 30, 20)).save("red.png")
    ended = impasto("regions", "red.png", "--by", "colors")
    assert ended.code == 0 and "one colour all over, so it is one region" in ended.err
    assert [path.name for path in sorted(Path("output").iterdir())] == ["red.region-1.png", "red.regions.png"]
