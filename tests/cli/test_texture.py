"""Pictures from a style alone, or from a layer alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from impasto import manifest

Command = Callable[..., Any]
QUICK = ("--iterations", "2")


def test_texture_makes_a_picture_of_any_size_from_a_style_alone(here: Path, impasto: Command) -> None:
    ended = impasto("texture", "paint.png", "--size", "80x48", *QUICK)
    assert (ended.code, ended.out) == (0, "output/paint_texture.png\n")
    with Image.open("output/paint_texture.png") as picture:
        assert picture.size == (80, 48)
    facts = manifest.load(Path("output/paint_texture.png"))
    assert facts["settings"]["content_weight"] == 0 and set(facts["levels"][0]["best_parts"]) == {"style", "variation"}


def test_reconstruct_makes_a_picture_from_one_layer(here: Path, impasto: Command) -> None:
    ended = impasto("reconstruct", "photo.png", "--layer", "relu2_2", "--size", "64", *QUICK)
    assert (ended.code, ended.out) == (0, "output/photo_relu2_2.png\n")
    facts = manifest.load(Path("output/photo_relu2_2.png"))
    assert facts["settings"]["content_layers"] == {"conv2_2": 1.0}
    assert set(facts["levels"][0]["best_parts"]) == {"content"}


def test_both_can_be_repeated(here: Path, impasto: Command) -> None:
    for made in ("texture", "reconstruct"):
        first = impasto(made, "paint.png", "--size", "48", *QUICK, "-o", f"{made}.png")
        again = impasto("repeat", f"{made}.png", "-o", f"{made}-again.png")
        assert first.code == again.code == 0, again.err
        assert np.array_equal(np.asarray(Image.open(f"{made}.png")), np.asarray(Image.open(f"{made}-again.png")))


def test_what_makes_no_sense_for_them_is_no_option(here: Path, impasto: Command) -> None:
    assert impasto("texture", "paint.png", "--strength", "1").code == 2
    assert impasto("reconstruct", "photo.png", "--style-weight", "1").code == 2
    ended = impasto("reconstruct", "photo.png", "--layer", "conv4_2,conv9")
    assert ended.code == 2 and "conv9" in ended.err
    ended = impasto("reconstruct", "photo.png", "--layer", "conv4_2:x")
    assert ended.code == 2 and "number" in ended.err


def test_two_styles_as_options_are_blended_by_their_weights(here: Path, impasto: Command) -> None:
    ended = impasto("stylize", "photo.png", "--style", "paint.png", "--style", "photo.png:0.25", "--size", "48", *QUICK, "-q")
    assert ended.code == 0, ended.err
    facts = manifest.load(Path(ended.out.strip()))
    assert facts["settings"]["style_weights"] == [1.0, 0.25] and len(facts["styles"]) == 2


def test_regions_are_painted_in_their_own_styles_and_can_be_repeated(here: Path, impasto: Command) -> None:
    left = np.zeros((48, 64), np.uint8)
    left[:, :32] = 255
    Image.fromarray(left).save("left.png")
    ended = impasto("stylize", "photo.png", "--region", "left.png=paint.png:2", "--size", "64", *QUICK, "-o", "a.png")
    assert ended.code == 0, ended.err
    facts = manifest.load(Path("a.png"))
    assert list(facts["masks"]) == ["0"] and facts["masks"]["0"]["path"] == "left.png"
    again = impasto("repeat", "a.png", "-o", "b.png")
    assert again.code == 0, again.err
    made, photo = (np.asarray(Image.open(name).convert("RGB"), dtype=int) for name in ("b.png", "photo.png"))
    assert abs(made - photo)[:, 32:].max() <= 1
    assert np.array_equal(made, np.asarray(Image.open("a.png").convert("RGB")))
    masked = impasto("stylize", "photo.png", "paint.png", "--mask", "left.png", "--size", "64", *QUICK, "-o", "c.png")
    assert masked.code == 0 and list(manifest.load(Path("c.png"))["masks"]) == ["0"]
    assert impasto("stylize", "photo.png", "--region", "left.png").code == 2
    missing = impasto("stylize", "photo.png", "paint.png", "--mask", "nowhere.png")
    assert missing.code == 2 and "mask nowhere.png" in missing.err
