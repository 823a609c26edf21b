"""What is said before a run: the plan, memory and time, and whether there is enough."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.samples import painting, photo, tiny_weights

from impasto.duration import duration
from impasto.errors import InvalidSettings
from impasto.presets import resolve
from impasto.run import Run, budget, gather
from impasto.run.forecast import expected_line, original_line
from impasto.vgg import Vgg

GB = 10**9


def run_of(**values: Any) -> Run:
    settings = resolve({"size": 256, "iterations": 3, **values})
    return Run(settings, gather(photo(192, 400), [painting(40, 40)], settings), Vgg(tiny_weights()))


def machine(monkeypatch: pytest.MonkeyPatch, *, base: float, available: float) -> None:
    monkeypatch.setattr(budget, "base_bytes", lambda _: int(base))
    monkeypatch.setattr(budget, "available_bytes", lambda _: int(available))


def test_the_line_says_size_memory_of_how_much_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=3.0 * GB, available=8.0 * GB)
    assert re.fullmatch(r"256×123, 3\.\d GB of 8\.0 GB, about \d+ s", expected_line(run_of()))
    assert re.fullmatch(r"--size original: 400×192, 3\.\d GB of 8\.0 GB, about \d+ s", original_line(run_of()))


def test_the_line_names_the_tiles_the_history_and_the_disk_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=3.0 * GB, available=3.0 * GB + 240e6)
    line = expected_line(run_of(size="2048x1024", lbfgs_history=60, levels=1))
    assert re.match(
        r"2,048×1,024 in \d+ tiles of \d+ px(, recomputed to conv\d_1)?, \d+ pairs of history(, \d\.\d GB on disk)?, "
        r"3\.1 GB of 3\.2 GB",
        line,
    )


def test_the_line_warns_where_memory_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=3.0 * GB, available=2.0 * GB)
    assert "GB of 2.0 GB, which is not enough: a smaller --size needs less" in expected_line(run_of())
    assert "which is not enough" in original_line(run_of())


def test_what_memory_allows_is_kept_to_and_too_little_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=1.0 * GB, available=20.0 * GB)
    run = run_of(memory="1.1GB")
    assert run.budget.peak_bytes(run.budget.plans) <= 1.1 * GB
    with pytest.raises(InvalidSettings, match=r"needs at least 1\.\d+ GB, and 1\.00 GB are allowed"):
        _ = run_of(memory="1GB", size=400, iterations=1).budget.plans


def test_the_line_of_a_run_under_way_is_about_what_is_left() -> None:
    run = run_of(iterations=50, size=128)
    whole = run.seconds_left()
    for _ in range(40):
        run.advance()
    assert run.seconds_left() < whole


@pytest.mark.parametrize(("seconds", "words"), [(-1, "0 s"), (8.4, "8 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_are_said_in_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words
