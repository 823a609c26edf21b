"""The laws of coarse to fine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import ImageTooSmall, InvalidSettings
from impasto.run.levels import plan, style_size
from impasto.settings import parse

CONTENT = (733, 979)


@pytest.mark.parametrize("values", [{}, {"iterations": 20}, {"level_factor": 2**0.5, "iterations": 3}])
def test_a_smaller_run_is_the_prefix_of_a_larger_one(values: dict[str, object]) -> None:
    small = plan(parse({"size": 256, **values}), CONTENT, min_side_px=32)
    large = plan(parse({"size": 1024, **values}), CONTENT, min_side_px=32)
    assert large[: len(small)] == small


@given(st.integers(32, 3000), st.integers(32, 3000), st.integers(40, 2000))
def test_the_last_level_has_the_long_side_asked_for(height: int, width: int, size: int) -> None:
    try:
        levels = plan(parse({"size": size}), (height, width), min_side_px=32)
    except ImageTooSmall:
        assert min(height, width) * size / max(height, width) < 32.5
        return
    assert max(levels[-1].size) == size
    assert all(min(level.size) >= 32 for level in levels)


def test_an_exact_size_is_kept() -> None:
    assert plan(parse({"size": "501x333"}), CONTENT, min_side_px=32)[-1].size == (333, 501)


def test_original_is_the_photographs_size() -> None:
    assert plan(parse({"size": "original"}), CONTENT, min_side_px=32)[-1].size == CONTENT


def test_one_level_is_the_papers_single_size() -> None:
    assert len(plan(parse({"size": 1024, "levels": 1}), CONTENT, min_side_px=32)) == 1


def test_iterations_are_those_of_the_last_level() -> None:
    assert plan(parse({"size": 512, "iterations": 33}), CONTENT, min_side_px=32)[-1].iterations == 33


def test_too_many_levels_are_refused_with_the_number_that_works() -> None:
    with pytest.raises(InvalidSettings, match="--levels 3"):
        plan(parse({"size": 256, "levels": 6}), CONTENT, min_side_px=32)


@pytest.mark.parametrize("style", [(50, 900), (640, 1024), (33, 33), (2000, 100)])
def test_a_style_is_never_too_small_for_the_deepest_layer(style: tuple[int, int]) -> None:
    assert min(style_size(parse({}), style, (96, 128), min_side_px=32)) >= 32


def test_a_style_is_not_enlarged() -> None:
    assert style_size(parse({}), (300, 400), (1536, 2048), min_side_px=32) == (300, 400)


def test_a_stretched_style_has_the_pictures_size() -> None:
    assert style_size(parse({"style_fit": "stretch"}), (640, 1024), (300, 400), min_side_px=32) == (300, 400)
