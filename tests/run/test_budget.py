"""Runs under a memory plan: the same picture, and a way on when memory runs out."""

from __future__ import annotations

import gc
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from tests.samples import painting, photo, tiny_weights

from impasto.errors import OutputError, RunError
from impasto.evaluate import Evaluation, Evaluator, Whole, memory
from impasto.objective import Objective
from impasto.presets import resolve
from impasto.run import Run, budget, free, gather
from impasto.run.result import result_of
from impasto.scratch import Scratch
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
    RuntimeError("could not create a primitive"),
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
    for count in (5, 15):
        for _ in range(count):
            list(run_of(size=100, iterations=2, levels=1))
        after.append(memory())
    assert after[1] - after[0] < 16e6


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


def test_a_limit_of_the_process_is_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: (9000, 9000), resource.RLIMIT_DATA: (resource.RLIM_INFINITY, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    used = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=1000, vms=4000, data=2500))
    monkeypatch.setattr(free.psutil, "Process", lambda: used)
    assert free.own_free_bytes() == 9000 - 4000
    limits[resource.RLIMIT_DATA] = (3000, 3000)
    assert free.own_free_bytes() == 3000 - 2500
    assert free.available_bytes(torch.device("cpu")) == 3000 - 2500 + 1000
    limits[resource.RLIMIT_DATA] = (2000, 2000)
    assert free.own_free_bytes() == 0


def test_trials_that_run_out_of_memory_tell_nothing_and_the_run_goes_on() -> None:
    run = run_of(evaluator=RunsOut({2, 3}, RuntimeError("can't allocate memory")))
    run.pace(always=True)
    assert len(list(run)) == run.steps


def test_a_folder_for_vectors_is_looked_for_only_when_they_go_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    run = run_of(size=64, levels=1, iterations=1)
    assert len(list(run)) == run.steps
    with pytest.raises(OutputError, match="any folder for temporary files: No usable temporary directory found"):
        Scratch().empty(10, torch.zeros(1))


def test_without_mapped_files_no_plan_needs_the_disk(monkeypatch: pytest.MonkeyPatch, tight: None) -> None:
    monkeypatch.setattr(memory, "is_possible", lambda: False)
    assert not any(plan.on_disk for plan in run_of().budget.plans)
