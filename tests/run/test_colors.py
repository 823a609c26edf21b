"""Whole runs with each way of colouring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.samples import painting, photo, tiny_weights

from impasto.images import read
from impasto.images.colors.oklab import to_oklab
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.run.result import result_of
from impasto.run.target import Target
from impasto.run.to_file import ToFile
from impasto.vgg import Vgg

CONTENT, STYLE = photo(48, 64), painting(48, 64)


def run_of(content: Any = CONTENT, style: Any = STYLE, **values: Any) -> Run:
    settings = resolve({"size": 64, "levels": 1, "iterations": 6, **values})
    return Run(settings, gather(content, [style], settings), Vgg(tiny_weights(), pooling=settings.pooling))


def picture(run: Run) -> torch.Tensor:
    for _ in run:
        pass
    return result_of(run).rgb


@pytest.mark.parametrize("mode", ["content", "match", "luminance"])
def test_an_amount_of_0_is_the_styles_colours_bit_for_bit(mode: str) -> None:
    assert torch.equal(picture(run_of(color=mode, color_amount=0.0)), picture(run_of()))


@pytest.mark.parametrize("mode", ["content", "luminance"])
def test_the_finished_picture_has_the_contents_chroma(mode: str) -> None:
    found, content = picture(run_of(color=mode)), read(CONTENT).rgb
    inside = (found > 0.02).all(0) & (found < 0.98).all(0)  # elsewhere chroma may have been given up for the gamut
    chroma = [to_oklab(rgb[None])[0, 1:, inside] for rgb in (found, content)]
    assert float((chroma[0] - chroma[1]).abs().median()) < 2e-3
    assert not torch.allclose(found, content, atol=0.02)


def test_content_is_the_styles_run_with_another_finish() -> None:
    plain, colored = picture(run_of()), picture(run_of(color="content"))
    lightness = [to_oklab(rgb[None])[0, 0] for rgb in (plain, colored)]
    assert float((lightness[0] - lightness[1]).abs().max()) < 5e-3


def test_match_moves_the_styles_colours_before_the_run() -> None:
    run = run_of(color="match")
    (style,) = run.styles(0)
    content = read(CONTENT).rgb[None]
    means = [to_oklab(rgb).mean((0, 2, 3)) for rgb in (style, content, read(STYLE).rgb[None])]
    assert float((means[0] - means[1]).norm()) < 0.3 * float((means[2] - means[1]).norm())


@pytest.mark.parametrize("mode", ["content", "match", "luminance"])
def test_grey_and_flat_inputs_end_finite(mode: str) -> None:
    grey = np.repeat(CONTENT.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    flat = np.full((48, 64, 3), 120, np.uint8)
    for content, style in ((grey, STYLE), (CONTENT, grey), (CONTENT, flat)):
        found = picture(run_of(content, style, color=mode))
        assert bool(found.isfinite().all())


def test_intermediate_pictures_have_the_same_finish(tmp_path: Path) -> None:
    grey = np.repeat(CONTENT.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    job = ToFile(run_of(grey, STYLE, color="content", save_every=3), Target(tmp_path / "a.png", intermediates=True))
    job.make()
    for name in ("a.png", "a-0003.png"):
        with Image.open(tmp_path / name) as made:
            pixels = np.asarray(made.convert("RGB"), dtype=int)
        assert np.ptp(pixels, axis=2).max() <= 1, f"{name} is grey, as its content"
