"""What is said before a run: time and memory, and whether there is enough of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from tests.samples import WIDE, painting, photo, tiny_weights

from impasto.presets import resolve
from impasto.run import Run, forecast, gather
from impasto.run.forecast import bytes_per_pixel, duration, expected_line, original_line, peak_bytes
from impasto.vgg import Vgg, winograd

GIB = 2**30


def run_of(**values: Any) -> Run:
    settings = resolve({"size": 128, "iterations": 3, **values})
    return Run(settings, gather(photo(96, 200), [painting(40, 40)], settings), Vgg(tiny_weights()))


def machine(monkeypatch: pytest.MonkeyPatch, *, base: float, available: float) -> None:
    monkeypatch.setattr(forecast, "_base_bytes", lambda _: base)
    monkeypatch.setattr(forecast, "available_bytes", lambda _: available)


def test_the_peak_is_what_the_process_has_and_what_the_largest_canvas_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=3.0 * GIB, available=8.0 * GIB)
    run = run_of(margin=8)
    assert run.levels[-1].size == (61, 128)
    pixels = (61 + 16) * (128 + 16)
    assert peak_bytes(run, run.levels) == 3 * GIB + (bytes_per_pixel(run) + forecast.HOLES_PER_PIXEL) * pixels


def test_the_line_says_time_and_memory_and_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=3.0 * GIB, available=8.0 * GIB)
    assert re.fullmatch(r"expected: \d+ s and 3\.0 GiB of memory \(8\.0 GiB are free\)", expected_line(run_of()))


def test_the_line_warns_where_memory_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=3.0 * GIB, available=2.0 * GIB)
    run = run_of()
    assert "3.0 GiB of memory, but only 2.0 GiB are free" in expected_line(run)
    assert "more than is free" in original_line(run)


def test_what_is_free_counts_what_the_process_has_already() -> None:
    cpu = torch.device("cpu")
    assert forecast.available_bytes(cpu) > forecast._base_bytes(cpu) > 0


def test_the_line_of_a_run_under_way_is_about_what_is_left() -> None:
    run = run_of(iterations=50)
    whole = run.seconds_left()
    for _ in range(40):
        run.advance()
    assert run.seconds_left() < whole


@pytest.mark.parametrize(
    "more",
    [{"lbfgs_history": 100}, {"style_layers": "conv5_4"}],
)
def test_more_history_and_deeper_layers_need_more_memory(more: dict[str, Any]) -> None:
    assert bytes_per_pixel(run_of(**more)) > bytes_per_pixel(run_of())


def of_our_own(**values: Any) -> float:
    """Bytes a pixel with channels that our convolutions can do."""
    settings = resolve({"size": 128, "iterations": 3, "margin": 0, **values})
    vgg = Vgg(tiny_weights(WIDE), pooling=settings.pooling)
    return bytes_per_pixel(Run(settings, gather(photo(96, 200), [painting(40, 40)], settings), vgg))


@pytest.mark.skipif(winograd.library() is None, reason="no compiler at installation")
def test_what_our_own_convolutions_keep_is_counted_by_how_they_pool() -> None:
    """32 channels: pooled at once, a mark for four outputs; else each output's mark, and the outputs for the pooling."""
    layers = {"content_layers": {"conv2_1": 1.0}, "style_layers": {"conv2_1": 1.0}}
    at_once, average = of_our_own(**layers), of_our_own(**layers, pooling="average")
    assert average - at_once == 32 * (1 - 1 / 4) + 4 * 32 + 4 * 32  # conv1_2's marks and outputs, and conv1_1's, not in bands
    measured = of_our_own(content_layers={"conv2_1": 1.0}, style_layers={"conv2_1": 1.0, "conv1_2": 1.0})
    assert measured - average == 2 * 32  # and the indices of max pooling


def test_a_pair_of_the_history_is_counted_once() -> None:
    assert bytes_per_pixel(run_of(lbfgs_history=51)) - bytes_per_pixel(run_of(lbfgs_history=50)) == 2 * 3 * 4  # s and y, float32


def test_adam_needs_less_memory_than_a_long_history() -> None:
    assert bytes_per_pixel(run_of(optimizer="adam")) < bytes_per_pixel(run_of())


@pytest.mark.parametrize(("seconds", "words"), [(-1, "0 s"), (8.4, "8 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_are_said_in_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words
