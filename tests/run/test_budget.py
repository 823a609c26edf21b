"""Runs under a memory plan: the same picture, and a way on when memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from tests.samples import painting, photo, tiny_weights

from impasto.errors import RunError
from impasto.evaluate import Evaluation, Evaluator, Whole
from impasto.objective import Objective
from impasto.presets import resolve
from impasto.run import Run, budget, free, gather
from impasto.run.result import result_of
from impasto.vgg import Vgg


def run_of(*, evaluator: Callable[[Vgg, Objective], Evaluator] | None = None, **values: Any) -> Run:
    settings = resolve({"size": 300, "levels": 2, "iterations": 6, "lbfgs_history": 5, **values})
    pictures = gather(photo(230, 300), [painting(90, 70), painting(60, 80, seed=3)], settings)
    return Run(settings, pictures, Vgg(tiny_weights(), pooling=settings.pooling), evaluator=evaluator)


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory is free: every level takes the plan that needs least."""
    monkeypatch.setattr(budget, "base_bytes", lambda _: 10**9)
    monkeypatch.setattr(budget, "available_bytes", lambda _: 10**9)


@pytest.mark.usefixtures("tight")
def test_a_run_in_tiles_and_on_disk_makes_the_whole_runs_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the kinks at which the last bit of a number decides on a step: |∂x| of equal pixels, and the box's faces.
    smooth: dict[str, Any] = {"variation_weight": 0.0, "bounds": "free", "init": "noise", "pooling": "average"}
    run = run_of(**smooth)
    plan = run.budget.plans[-1]
    assert plan.tiles > 1 and plan.on_disk
    in_tiles = [step.loss for step in run]
    monkeypatch.undo()
    whole = run_of(**smooth)
    assert whole.budget.plans[-1].tile_px is None
    assert [step.loss for step in whole] == pytest.approx(in_tiles, rel=1e-4)
    assert float((result_of(whole).rgb - result_of(run).rgb).abs().max()) < 1e-3


@pytest.mark.usefixtures("tight")
@pytest.mark.parametrize("stop_after", [3, 10])
def test_a_run_on_disk_that_was_resumed_is_the_undisturbed_one(stop_after: int) -> None:
    undisturbed, first = run_of(), run_of()
    for _ in undisturbed:
        pass
    for _ in range(stop_after):
        first.advance()
    facts, tensors = first.state()
    second = run_of()
    second.restore(facts, tensors)
    for _ in second:
        pass
    assert torch.equal(result_of(second).rgb, result_of(undisturbed).rgb)


def test_a_resumed_run_keeps_its_plan_where_more_memory_is_free(monkeypatch: pytest.MonkeyPatch, tight: None) -> None:
    first = run_of()
    for _ in range(10):
        first.advance()
    saved = first.state()
    monkeypatch.undo()
    second = run_of()
    second.restore(*saved)
    assert second.budget.plans[-1] == first.budget.plans[-1]


class RunsOut:
    """An evaluator for which memory runs out at some evaluations, counted over all of its kind."""

    def __init__(self, at: set[int], error: Exception) -> None:
        self.calls, self._at, self._error = 0, at, error

    def __call__(self, vgg: Vgg, objective: Objective) -> Evaluator:
        honest = Whole(vgg, objective)

        def evaluate(x: torch.Tensor) -> Evaluation:
            self.calls += 1
            if self.calls in self._at:
                raise self._error
            return honest(x)

        return evaluate


ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail] can't allocate memory: 8 bytes"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("at", [4, 12])
def test_when_memory_runs_out_the_run_goes_on_in_the_next_plan_and_says_so(error: Exception, at: int) -> None:
    run = run_of(evaluator=RunsOut({at}, error))
    run.pace(always=False)  # a short run is not tried out, so evaluations are the run's own
    level = 0 if at <= 7 else 1
    before = run.budget.plans[level].memory
    steps = list(run)
    notes = [step.note for step in steps if step.note is not None]
    assert len(notes) == 1 and "memory ran out; the run goes on from its last good step in" in notes[0]
    assert steps[at - 1].note is not None
    assert run.budget.plans[level].memory < before
    assert len(steps) == run.steps and run.finished
    assert steps[-1].loss < steps[0].loss


def test_another_error_is_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        list(run_of(evaluator=RunsOut({4}, RuntimeError("shapes do not match"))))


def test_when_no_plan_is_left_the_run_says_what_to_do() -> None:
    with pytest.raises(RunError, match="no plan needs less; close other programs"):
        list(run_of(evaluator=RunsOut(set(range(1, 100)), MemoryError())))


def test_many_runs_in_one_process_keep_memory_flat() -> None:
    def memory() -> int:
        gc.collect()
        return int(psutil.Process().memory_info().rss)

    after: list[int] = []
    for _ in range(20):
        for _ in run_of(size=100, iterations=2, levels=1):
            pass
        after.append(memory())
    assert after[-1] - after[4] < 16e6


def put(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_a_groups_limit_is_what_is_free(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/outer/inner\n")
    put(tmp_path / "v2" / "outer" / "inner", memory__max="max", memory__current="3000", memory__stat="inactive_file 1000")
    put(tmp_path / "v2" / "outer", memory__max="9000", memory__current="5000", memory__stat="anon 1\ninactive_file 2000")
    assert free.group_free_bytes(tmp_path / "v2", own) == 9000 - 5000 + 2000


def test_so_it_is_in_the_first_version_and_inside_a_container(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("7:blkio:/\n4:memory:/not/here\n0::/\n")
    root = tmp_path / "v1" / "memory"
    put(root, memory__limit_in_bytes="8000", memory__usage_in_bytes="1000", memory__stat="total_inactive_file 500")
    assert free.group_free_bytes(tmp_path / "v1", own) == 7500
    assert free.group_free_bytes(tmp_path / "nothing", own) == free.group_free_bytes(tmp_path, tmp_path / "missing") > 1 << 59
