"""The optimisers on functions whose minima are known, against SciPy, and the laws of the guarded loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from impasto.errors import RunError
from impasto.optimize import Adam, Bounds, Lbfgs, Loop


@dataclass(frozen=True)
class Point:
    value: float
    gradient: Tensor

    @property
    def finite(self) -> bool:
        return bool(self.gradient.isfinite().all())


def evaluator(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Point]:
    def evaluate(x: Tensor) -> Point:
        x = x.detach().requires_grad_()
        value = function(x)
        (gradient,) = torch.autograd.grad(value, x)
        return Point(float(value.detach()), gradient)

    return evaluate


def quadratic(x: Tensor) -> Tensor:
    scales = torch.logspace(0, 3, x.numel(), dtype=x.dtype)
    return 1 + 0.5 * (scales * (x.flatten() - 0.5) ** 2).sum()  # 1 above 0: a jump is relative


def run(
    optimizer: Lbfgs | Adam, function: Callable[[Tensor], Tensor], x: Tensor, iterations: int, scale: float | None = None
) -> Loop[Point]:
    loop = Loop(evaluator(function), optimizer, x, scale=scale)
    for _ in range(iterations):
        loop.advance()
    return loop


def test_lbfgs_finds_the_minimum_of_a_quadratic() -> None:
    loop = run(Lbfgs(history=20), quadratic, torch.zeros(30, dtype=torch.float64), 200)
    torch.testing.assert_close(loop.x, torch.full((30,), 0.5, dtype=torch.float64), atol=1e-6, rtol=0)


def test_lbfgs_within_bounds_finds_what_scipy_finds() -> None:
    generator = np.random.default_rng(0)
    a = generator.normal(size=(12, 12))
    hessian, linear = a @ a.T + np.eye(12), 8 * generator.normal(size=12)
    found = scipy.optimize.minimize(
        lambda x: 0.5 * x @ hessian @ x - linear @ x,
        np.full(12, 0.5),
        jac=lambda x: hessian @ x - linear,
        method="L-BFGS-B",
        bounds=[(0, 1)] * 12,
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    h, b = torch.from_numpy(hessian), torch.from_numpy(linear)
    loop = run(
        Lbfgs(history=10, bounds=Bounds(0, 1)),
        lambda x: 100 + 0.5 * x @ h @ x - b @ x,
        torch.full((12,), 0.5).double(),
        400,
    )
    np.testing.assert_allclose(loop.x.numpy(), found.x, atol=1e-5)


def test_lbfgs_needs_far_fewer_steps_than_adam() -> None:
    start = torch.zeros(30, dtype=torch.float64)
    lbfgs = run(Lbfgs(history=20), quadratic, start, 60)
    adam = run(Adam(learning_rate=0.02), quadratic, start, 60)
    assert lbfgs.last_good is not None and adam.last_good is not None
    assert lbfgs.last_good - 1 < 0.01 * (adam.last_good - 1)


def test_adam_equals_pytorchs() -> None:
    x = torch.zeros(7, dtype=torch.float64)
    mine = run(Adam(learning_rate=0.05), quadratic, x, 30).x
    theirs = x.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.05)
    for _ in range(30):
        optimizer.zero_grad()
        quadratic(theirs).backward()
        optimizer.step()
    torch.testing.assert_close(mine, theirs.detach(), rtol=1e-4, atol=1e-5)  # ε is relative to the gradient's size here


@pytest.mark.parametrize("make", [lambda: Lbfgs(bounds=Bounds(0, 1)), lambda: Adam(learning_rate=0.3, bounds=Bounds(0, 1))])
def test_no_step_leaves_the_bounds(make) -> None:  # type: ignore[no-untyped-def]
    loop = Loop(evaluator(lambda x: ((x - 3) ** 2).sum()), make(), torch.rand(5, dtype=torch.float64))
    for _ in range(10):
        loop.advance()
        assert 0 <= float(loop.x.min()) <= float(loop.x.max()) <= 1


@pytest.mark.parametrize("factor", [1e-12, 1e12])
@pytest.mark.parametrize("make", [lambda: Lbfgs(history=5), lambda: Adam(learning_rate=0.02)])
def test_the_size_of_the_function_does_not_matter(make, factor: float) -> None:  # type: ignore[no-untyped-def]
    plain = run(make(), quadratic, torch.zeros(9), 15).x
    scaled = run(make(), lambda x: factor * quadratic(x), torch.zeros(9), 15).x
    torch.testing.assert_close(scaled, plain, rtol=1e-3, atol=1e-4)


def test_the_first_step_has_the_size_it_should() -> None:
    x = torch.zeros(50, dtype=torch.float64)
    moved = Lbfgs(first_step_rms=0.01).step(x, torch.randn(50, dtype=torch.float64) * 1e6)
    assert float((moved - x).square().mean().sqrt()) == pytest.approx(0.01)


@pytest.mark.parametrize("make", [lambda: Lbfgs(history=5), lambda: Adam(learning_rate=0.02)])
def test_a_restored_optimizer_goes_on_exactly(make) -> None:  # type: ignore[no-untyped-def]
    undisturbed = run(make(), quadratic, torch.zeros(9, dtype=torch.float64), 20).x
    first = run(make(), quadratic, torch.zeros(9, dtype=torch.float64), 8)
    second = make()
    second.restore({name: tensor.clone() for name, tensor in first.optimizer.state().items()})
    assert torch.equal(run(second, quadratic, first.x, 12, first.scale).x, undisturbed)


def test_a_restored_history_lies_where_it_lay_before() -> None:
    """Sums over it are then equal to the last bit, wherever the file's tensors were."""
    saved = run(Lbfgs(history=5), quadratic, torch.zeros(9), 30).optimizer.state().items()
    crooked = {name: torch.empty(tensor.numel() + 1)[1:].view_as(tensor).copy_(tensor) for name, tensor in saved}
    second = Lbfgs(history=5)
    second.restore(crooked)
    for state in (dict(saved), second.state()):
        rows = [tensor for name, tensor in state.items() if name[:2] in {"s.", "y."}]
        assert len(rows) == 10
        assert {tensor.data_ptr() % 64 for tensor in rows} == {0}


def test_a_history_that_is_full_takes_no_more_memory() -> None:
    loop = run(Lbfgs(history=5), quadratic, torch.zeros(9), 30)
    places = {tensor.data_ptr() for name, tensor in loop.optimizer.state().items() if name.startswith("s.")}
    for _ in range(30):
        loop.advance()
        places |= {tensor.data_ptr() for name, tensor in loop.optimizer.state().items() if name.startswith("s.")}
    assert len(places) <= 16


def broken_at(iteration: int, break_: Callable[[Point], Point]) -> Callable[[Tensor], Point]:
    honest, calls = evaluator(quadratic), 0

    def evaluate(x: Tensor) -> Point:
        nonlocal calls
        calls += 1
        return break_(honest(x)) if calls == iteration else honest(x)

    return evaluate


BREAKS = {
    "nan value": lambda p: Point(float("nan"), p.gradient),
    "infinite value": lambda p: Point(float("inf"), p.gradient),
    "nan gradient": lambda p: Point(p.value, p.gradient * float("nan")),
    "jump": lambda p: Point(p.value * 1e9 + 1e9, p.gradient),
}


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("kind", BREAKS)
@pytest.mark.parametrize("make", [lambda: Lbfgs(history=20), lambda: Adam(learning_rate=0.05)])
def test_a_bad_evaluation_is_undone_and_recorded(kind: str, make, ahead: bool) -> None:  # type: ignore[no-untyped-def]
    loop = Loop(broken_at(6, BREAKS[kind]), make(), torch.zeros(9, dtype=torch.float64), ahead=ahead)
    before = None
    for iteration in range(1, 120):
        good = loop.advance()
        if iteration == 5:
            assert good is not None
            before = good[0]
        if iteration == 6:
            assert good is None and before is not None
            distance = float((loop.x - before).norm())
            assert 0 < distance < 1
    assert [rollback.iteration for rollback in loop.rollbacks] == [6]
    assert loop.last_good is not None and loop.last_good < 2


@pytest.mark.parametrize("make", [lambda: Lbfgs(history=5), lambda: Adam(learning_rate=0.05)])
def test_evaluating_ahead_changes_no_point(make) -> None:  # type: ignore[no-untyped-def]
    """Whether all is well or evaluations fail, which they do at a third of all points but the start."""

    def honest(x: Tensor) -> Point:
        good = evaluator(quadratic)(x)
        return BREAKS["nan value"](good) if int(1e6 * float(x.sum())) % 3 == 1 else good

    def points(*, ahead: bool) -> list[Tensor | None]:
        loop = Loop(honest, make(), torch.zeros(9, dtype=torch.float64), ahead=ahead)
        goods = [loop.advance(last=iteration == 29) for iteration in range(30)]
        return [None if good is None else good[0] for good in goods]

    plain, early = points(ahead=False), points(ahead=True)
    assert 3 < sum(good is None for good in plain) < 27
    for expected, found in zip(plain, early, strict=True):
        assert (expected is None and found is None) or torch.equal(expected, found)  # type: ignore[arg-type]


class Lazy:
    """A value that says when it was read."""

    def __init__(self, number: int, log: list[str], x: Tensor) -> None:
        self._point, self._number, self._log = evaluator(quadratic)(x), number, log
        self.gradient, self.finite = self._point.gradient, True

    @property
    def value(self) -> float:
        if f"read {self._number}" not in self._log:
            self._log.append(f"read {self._number}")
        return self._point.value


def test_ahead_the_next_evaluation_begins_before_the_last_is_read() -> None:
    log: list[str] = []

    def evaluate(x: Tensor) -> Lazy:
        log.append(f"begin {sum(line.startswith('begin') for line in log)}")
        return Lazy(int(log[-1][6:]), log, x)

    loop = Loop(evaluate, Lbfgs(), torch.zeros(9, dtype=torch.float64), ahead=True)
    for iteration in range(4):
        loop.advance(last=iteration == 3)
    assert log == ["begin 0", "read 0", "begin 1", "begin 2", "read 1", "begin 3", "read 2", "read 3"]


def test_a_pair_without_curvature_changes_nothing() -> None:
    """x² − y²: along y the curvature is negative, and the steps stay those of descent."""
    optimizer = Lbfgs(history=5, first_step_rms=0.01)
    x = torch.tensor([0.0, 0.1], dtype=torch.float64)
    first = optimizer.step(x, torch.tensor([0.0, -0.2], dtype=torch.float64))
    second = optimizer.step(first, torch.tensor([0.0, -2 * float(first[1])], dtype=torch.float64))
    assert second[1] > first[1] > x[1]
    assert bool(second.isfinite().all())


def test_a_bad_start_is_an_error() -> None:
    with pytest.raises(RunError, match="start image"):
        Loop(broken_at(1, BREAKS["nan value"]), Lbfgs(), torch.zeros(9, dtype=torch.float64)).advance()


def test_endless_failure_is_an_error() -> None:
    honest = evaluator(quadratic)
    calls = 0

    def evaluate(x: Tensor) -> Point:
        nonlocal calls
        calls += 1
        return honest(x) if calls == 1 else BREAKS["nan value"](honest(x))

    loop = Loop(evaluate, Lbfgs(), torch.zeros(9, dtype=torch.float64))
    with pytest.raises(RunError, match="in a row"):
        for _ in range(100):
            loop.advance()
