"""Weights, folders and scales of styles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.samples import blend, painting, photo, tiny_weights

from impasto.errors import InvalidSettings
from impasto.images import read
from impasto.objective import style_grams
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.run.styles import assembled, finer_strokes, unfold
from impasto.vgg import Vgg

LAYERS = ("conv1_1", "conv3_1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "an artist"
    place.mkdir()
    for at, name in enumerate(("b.png", "a.jpg", ".hidden.png", "notes.txt")):
        if name.endswith("txt"):
            (place / name).write_text("no picture")
        else:
            Image.fromarray(painting(40, 48, seed=at)).save(place / name)
    return place


def grams(*pictures: np.ndarray[Any, Any], weights: tuple[float, ...] | None = None) -> dict[str, torch.Tensor]:
    styles = [read(picture).rgb[None] for picture in pictures]
    return blend([style_grams(Vgg(tiny_weights()), style, LAYERS) for style in styles], weights)


def test_a_blend_of_one_style_is_that_style() -> None:
    one, blended = painting(40, 48), grams(painting(40, 48), painting(40, 48), weights=(3.0, 0.2))
    for layer, gram in grams(one).items():
        assert torch.allclose(blended[layer], gram, rtol=1e-6)


def test_weights_are_linear_in_the_statistics() -> None:
    first, second = painting(40, 48), painting(50, 32, seed=3)
    blended = grams(first, second, weights=(3.0, 1.0))
    for layer, gram in grams(first).items():
        assert torch.allclose(blended[layer], 0.75 * gram + 0.25 * grams(second)[layer], rtol=1e-6)


def test_equal_weights_are_none() -> None:
    sources, _, settings, _ = unfold(["a.jpg:0.5", "b.jpg:0.5"], resolve({}))
    assert (sources, settings.style_weights) == (["a.jpg", "b.jpg"], None)


def test_a_weight_stands_behind_the_name_or_in_order() -> None:
    for styles, values in ((["a.jpg", "b.jpg:0.3"], {}), (["a.jpg", "b.jpg"], {"style_weights": "1,0.3"})):
        sources, _, settings, _ = unfold(styles, resolve(values))
        assert (sources, settings.style_weights) == (["a.jpg", "b.jpg"], (1.0, 0.3))


def test_a_file_whose_name_ends_like_a_weight_is_that_file(tmp_path: Path) -> None:
    odd = tmp_path / "a.png:0.3"
    odd.write_bytes(b"")
    assert unfold([str(odd)], resolve({}))[0] == [str(odd)]


def test_a_folder_is_one_style(folder: Path) -> None:
    sources, _, settings, _ = unfold([f"{folder}:2", "c.jpg"], resolve({"style_scale": "0.5,1"}))
    assert sources == [str(folder / "a.jpg"), str(folder / "b.png"), "c.jpg"]
    assert settings.style_weights is None, "two halves of 2, and 1"
    assert settings.style_scale == (0.5, 0.5, 1.0)
    assert unfold([folder], resolve({}))[0] == sources[:2]


@pytest.mark.parametrize(
    ("styles", "values", "says"),
    [
        (["a.jpg:0.5", "b.jpg"], {"style_weights": "1,2"}, "give them once"),
        (["a.jpg"], {"style_weights": "1,2"}, "one weight for each of 1 styles, got 2"),
        (["a.jpg", "b.jpg", "c.jpg"], {"style_scale": "1,2"}, "one for each of 3 styles, got 2"),
        (["a.jpg:0"], {}, "above 0"),
    ],
)
def test_weights_that_fit_nothing_are_refused(styles: list[str], values: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSettings, match=says):
        unfold(styles, resolve(values))


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="has no pictures"):
        unfold([str(tmp_path)], resolve({}))


@pytest.mark.parametrize("value", ["1,x", "0", "", "-1", "nan", [], [1, None]])
def test_numbers_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(InvalidSettings, match="style_weights"):
        resolve({"style_weights": value})


def test_the_scale_of_a_style_is_in_units_of_the_picture_at_every_level() -> None:
    settings = resolve({"size": 128, "levels": 2, "style_scale": (0.75, 1.0), "iterations": 1})
    run = Run(settings, gather(photo(96, 128), [painting(200, 150), painting(40, 48)], settings), Vgg(tiny_weights()))
    assert [[max(style.shape[2:]) for style in run.styles(level)] for level in (0, 1)] == [[48, 48], [96, 48]]


def test_a_style_with_too_few_pixels_is_named() -> None:
    settings = resolve({"style_scale": 2.0})
    styles = [read(painting(150, 200), name="small"), read(painting(300, 400), name="large")]
    assert list(finer_strokes(settings, styles, 200)) == [("small", 2.0)]
    assert list(finer_strokes(settings.model_copy(update={"style_fit": "stretch"}), styles, 200)) == []


def test_the_standard_input_is_one_picture_only() -> None:
    with pytest.raises(InvalidSettings, match=r"standard input \(-\) is one picture, and it was given for 2"):
        assembled("-", ["paint.png", "-:0.5"], resolve({}))
