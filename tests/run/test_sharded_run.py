"""Several processes make the picture of one; any number goes on where another stopped; none waits for one that is gone."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tests.evaluate.processes import ended, start
from tests.run.sharded_run import STOP_AFTER, VALUES, finish, make, resume


class Found(NamedTuple):
    folder: Path
    ends: list[tuple[int, str, str]]
    """How the processes ended of which one was killed."""
    seconds: float
    """From its death on, and a little more."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("together")
    program = ["-m", "tests.run.sharded_run", str(folder)]
    for code, out, err in ended(start([*program, "all", "checkpoint", "tight"], 2), within_s=60):
        assert code == 0, out + err
    processes = start([*program, "resume", "lose"], 3)
    processes[2].wait(60)
    died = time.monotonic()
    ends = ended(processes, within_s=40)
    return Found(folder, ends, time.monotonic() - died)


def agree(one: Any, other: Any) -> None:
    """Rounding grows from step to step, so the first steps are compared closely."""
    losses, rgb, pictures = one
    other_losses, other_rgb, other_pictures = other
    assert losses[:6] == pytest.approx(other_losses[:6], rel=1e-4)
    assert losses == pytest.approx(other_losses, rel=1e-2)
    assert float((rgb - other_rgb).abs().mean()) < 1e-3
    assert all(torch.allclose(pictures[step], shown, atol=1e-3) for step, shown in other_pictures.items() if shown.numel() > 0)


@pytest.mark.parametrize("name", VALUES)
def test_two_processes_with_little_memory_make_the_picture_of_one(found: Found, name: str) -> None:
    agree(finish(make(name)), torch.load(found.folder / f"{name}.2"))


def test_intermediate_pictures_are_whole(found: Found) -> None:
    _, rgb, pictures = torch.load(found.folder / "lbfgs.2")
    assert {step: tuple(shown.shape[2:]) for step, shown in pictures.items()} == {0: (35, 48), 4: (35, 48), 8: (70, 96)}
    assert rgb.shape == (3, 70, 96)


def test_three_processes_go_on_where_two_stopped(found: Found) -> None:
    agree(finish(make("lbfgs")), torch.load(found.folder / "resumed.3"))


def test_one_process_goes_on_where_two_stopped(found: Found) -> None:
    losses, *rest = resume(found.folder / "stopped.checkpoint")
    uninterrupted, *_ = torch.load(found.folder / "lbfgs.2")
    assert losses[:STOP_AFTER] == uninterrupted[:STOP_AFTER]
    agree(torch.load(found.folder / "lbfgs.2"), (losses, *rest))


def test_one_that_is_killed_ends_the_others_with_a_clear_error_within_30_seconds(found: Found) -> None:
    assert [code for code, _, _ in found.ends] == [1, 1, -9], found.ends
    assert found.seconds < 30
    said = [json.loads(out) for _, out, _ in found.ends[:2]]
    assert all(text.startswith("process 3 of 3 is gone") for text in said), said
    assert f"impasto resume {found.folder / 'lost.checkpoint'}" in said[0]


def test_one_process_goes_on_after_a_death(found: Found) -> None:
    agree(finish(make("lbfgs")), resume(found.folder / "lost.checkpoint"))
