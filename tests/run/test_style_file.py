"""Style files: as good as their paintings, and refused where they are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.samples import TINY, painting, photo, tiny_weights
from torch import Tensor

from impasto.errors import InvalidSettings, UnreadableImage
from impasto.images import Picture, read
from impasto.losses.styles import KIND_OF
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.run.inputs import decoded
from impasto.run.make_style import made_style
from impasto.run.result import facts_of, result_of
from impasto.run.style_file import FORMAT, StyleFile, is_style_file, kinds_for, ladder, read_style
from impasto.vgg import Vgg

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
STYLE, OTHER = painting(120, 160), painting(90, 70, seed=3)
RUN: dict[str, Any] = {"size": 128, "levels": 1, "iterations": 3, "init": "noise"}


def vgg() -> Vgg:
    return Vgg(tiny_weights(TINY))


def made(*sources: Any, losses: tuple[str, ...] = ("gram",), weights: tuple[float, ...] | None = None, **more: Any) -> bytes:
    found = [source if isinstance(source, Picture | StyleFile) else read(source, name="painting") for source in sources]
    return made_style(found, more.get("vgg", vgg()), layers=LAYERS, kinds=kinds_for(losses), weights=weights)


FILE = made(STYLE, losses=tuple(KIND_OF))


def picture(styles: list[Any], **values: Any) -> Tensor:
    settings = resolve({**RUN, **values})
    run = Run(settings, gather(photo(96, 128), styles, settings), vgg())
    for _ in run:
        pass
    return result_of(run).rgb


@pytest.mark.parametrize("loss", list(KIND_OF))
def test_the_result_equals_that_from_the_painting(loss: str) -> None:
    torch.testing.assert_close(picture([FILE], style_loss=loss), picture([STYLE], style_loss=loss), atol=1e-4, rtol=0)


def test_it_is_blended_with_paintings_by_weights() -> None:
    weights = {"style_weights": (1.0, 0.3)}
    torch.testing.assert_close(picture([FILE, OTHER], **weights), picture([STYLE, OTHER], **weights), atol=1e-4, rtol=0)


def test_a_file_of_several_is_their_blend() -> None:
    both = made(STYLE, OTHER, weights=(3.0, 1.0))
    expected = picture([STYLE, OTHER], size=64, style_weights=(3.0, 1.0))
    torch.testing.assert_close(picture([both], size=64), expected, atol=1e-4, rtol=0)


def test_merged_files_are_the_file_of_their_paintings() -> None:
    merged = read_style(made(read_style(made(STYLE)), read_style(made(OTHER)), weights=(3.0, 1.0)))
    direct = read_style(made(STYLE, OTHER, weights=(3.0, 1.0)))
    assert merged.sizes == direct.sizes == [64, 90, 128, 160]
    for layer in LAYERS:
        for size in (64, 128, 160):  # the larger painting's own file has no 90 px
            found, expected = (style.kept("moments", layer, size) for style in (merged, direct))
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert [picture["weight"] for picture in merged.facts["pictures"]] == [0.75, 0.25]


def test_provenance_names_the_paintings_by_hash() -> None:
    (told,) = read_style(FILE).facts["pictures"]
    assert told == {"name": "painting", "sha256": read(STYLE).sha256, "width": 160, "height": 120, "weight": 1.0}


@given(st.floats(32, 400))
def test_between_sizes_statistics_lie_between(size: float) -> None:
    style = read_style(FILE)
    low = max((one for one in style.sizes if one <= size), default=style.sizes[0])
    high = min((one for one in style.sizes if one >= size), default=style.sizes[-1])
    ends = torch.stack([style.kept("gram", "conv3_1", one) for one in (low, high)])
    found = style.statistic("gram", "conv3_1", size)
    assert bool((found >= ends.amin(0) - 1e-6).all()) and bool((found <= ends.amax(0) + 1e-6).all())
    assert bool((torch.linalg.eigvalsh(found.double()) > -1e-6).all())


def test_a_ladder_ends_with_the_painting_itself() -> None:
    assert list(ladder(300)) == [64, 128, 256, 300]
    assert list(ladder(64)) == [64]
    assert list(ladder(40)) == [40]


def test_transparent_parts_do_not_count() -> None:
    half = np.dstack([STYLE, np.where(np.arange(160) < 80, 255, 0)[None].repeat(120, 0).astype(np.uint8)])
    torch.testing.assert_close(picture([made(half)]), picture([half]), atol=1e-4, rtol=0)


def test_a_run_takes_it_with_it() -> None:
    """Into checkpoints and to other processes as bytes, into the manifest by its hash."""
    settings = resolve(RUN)
    run = Run(settings, gather(photo(96, 128), [FILE], settings), vgg())
    roles = run.inputs.roles()
    again = decoded(
        {role: one.encoded for role, one in roles.items()}, {role: one.name for role, one in roles.items()}, {}, settings
    )
    assert isinstance(again.styles[0], StyleFile)
    run.advance()
    (told,) = facts_of(run)["styles"]
    assert told["sha256"] == read_style(FILE).sha256 and (told["width"], told["height"]) == (160, 120)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"init": "style"}, "init: style is a style file and has no pixels"),
        ({"color": "match"}, "color: style is a style file"),
        ({"style_fit": "stretch"}, "style_fit: style is a style file"),
        ({"style_layers": {"conv1_2": 1.0}}, "has no conv1_2, only conv1_1"),
        ({"style_loss": "ot"}, "has nothing for the loss nearest, ot; make it with --for nearest, ot"),
    ],
)
def test_what_it_cannot_do_is_said_before_the_run(values: dict[str, Any], message: str) -> None:
    settings = resolve({**RUN, **values})
    with pytest.raises(InvalidSettings, match=message):
        Run(settings, gather(photo(96, 128), [made(STYLE)], settings), vgg())


def test_another_network_or_pooling_is_refused() -> None:
    settings = resolve(RUN)
    inputs = gather(photo(96, 128), [FILE], settings)
    for other in (Vgg(tiny_weights(TINY), pooling="average"),):
        with pytest.raises(InvalidSettings, match=r"was made with tiny .* and max pooling, this run has tiny .* and average"):
            Run(settings, inputs, other)


def test_it_is_no_photograph() -> None:
    settings = resolve(RUN)
    with pytest.raises(InvalidSettings, match="is a style file; name a photograph"):
        Run(settings, gather(FILE, [STYLE], settings), vgg())


def test_a_texture_is_made_of_one() -> None:
    texture = {"content_weight": 0.0, "init": "noise", "size": (64, 48)}
    settings = resolve({**RUN, **texture})
    run = Run(settings, gather(FILE, [FILE], settings), vgg())
    losses = [step.loss for step in run]
    assert losses[-1] < losses[0]


def damaged() -> list[bytes]:
    length = int.from_bytes(FILE[:8], "little")
    header = json.loads(FILE[8 : 8 + length])
    facts = json.loads(header["__metadata__"]["style"])

    def changed(**values: Any) -> bytes:
        text = json.dumps({**header, "__metadata__": {"style": json.dumps({**facts, **values})}}).encode()
        return len(text).to_bytes(8, "little") + text + FILE[8 + length :]

    wrong = [{"sizes": []}, {"sizes": [128, 64]}, {"sizes": [7]}, {"kinds": ["odd"]}, {"kinds": []}, {"layers": ["conv9_1"]}]
    wrong += [{"pictures": [{}]}, {"pictures": None}, {"network": {}}, {"size": [0, 5]}, {"size": "x"}, {"format": f"{FORMAT}0"}]
    return [FILE[:100], FILE[:-5], FILE[:8], b"\xff" * 8 + FILE[8:], b"", *(changed(**values) for values in wrong)]


@pytest.mark.parametrize("encoded", damaged())
def test_a_damaged_file_is_refused_in_one_line(encoded: bytes) -> None:
    with pytest.raises(UnreadableImage, match="is no style file of this version of impasto, or damaged"):
        read_style(encoded)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(UnreadableImage, match="not finite"):
        read_style(FILE[:-4] + np.float32(np.nan).tobytes())


def test_it_is_known_by_its_name_and_by_its_bytes(tmp_path: Path) -> None:
    assert is_style_file(FILE) and is_style_file("a/b.STYLE") and is_style_file(tmp_path / "c.style")
    assert not is_style_file(STYLE) and not is_style_file("style.png") and not is_style_file(b"\x89PNG")
    with pytest.raises(UnreadableImage, match="does not exist"):
        read_style(tmp_path / "none.style")


def test_a_loss_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidSettings, match="no style loss 'gramm'"):
        kinds_for(["gramm"])
