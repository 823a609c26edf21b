"""The law of the time left: right within 20 % after the first 5 % of a run, whatever a step's fixed and growing parts are.

The clock is simulated: an evaluation of p pixels takes a + b·p seconds, a step with h correction pairs h·(c + d·p) more.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from tests.samples import painting, photo, tiny_weights
from torch import Tensor

from impasto import vgg as networks
from impasto.evaluate import Evaluation
from impasto.objective import Objective
from impasto.optimize import Lbfgs, Optimizer
from impasto.presets import resolve
from impasto.run import Run, Step, engine, gather, trial
from impasto.run.result import result_of
from impasto.vgg import Vgg
from impasto.vgg.architecture import Architecture

SHALLOW = Architecture("shallow", (1,), (1,))
LAYERS = {"content_layers": "conv1_1", "style_layers": "conv1_1"}


class Machine(NamedTuple):
    """What it takes for evaluations (a, b·p) and for pairs (c, d·p), in seconds and seconds a pixel."""

    a: float
    b: float
    c: float = 0.0
    d: float = 0.0
    jitter: float = 0.0


MACHINES = {
    "two cores": Machine(0.02, 1e-5, 1e-5, 2e-8),
    "only fixed": Machine(0.01, 0, 1e-4, 0),
    "only pixels": Machine(0, 1e-5),
    "graphics card": Machine(6e-3, 7e-8, 6e-5, 1e-10),
    "history as dear as the network": Machine(0.02, 1e-5, 2e-4, 2e-7),
    "busy": Machine(0.02, 1e-5, 1e-5, 2e-8, jitter=0.3),
}


class Clock:
    """A machine's time: real work takes none."""

    def __init__(self, machine: Machine) -> None:
        self.now, self.machine, self._random = 0.0, machine, random.Random(0)

    def perf_counter(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds * self._random.uniform(1 - self.machine.jitter, 1 + self.machine.jitter)

    def evaluator(self, vgg: Vgg, goal: Objective) -> Callable[[Tensor], Evaluation]:
        del vgg, goal
        value = 1.0

        def evaluate(x: Tensor) -> Evaluation:
            nonlocal value
            self.spend(self.machine.a + self.machine.b * x[0, 0].numel())
            value *= 0.99
            return Evaluation(x.clone(), ("style",), torch.tensor([value, value, 1.0]))

        return evaluate

    def optimizer(self, make: Callable[[Any], Optimizer], settings: Any) -> Optimizer:
        made = make(settings)
        clock, pairs, steps, step = self, 0, 0, made.step
        most = settings.lbfgs_history if isinstance(made, Lbfgs) else 0

        class Timed:
            def __getattr__(self, name: str) -> Any:
                return getattr(made, name)

            def step(self, x: Tensor, gradient: Tensor) -> Tensor:
                nonlocal pairs, steps
                steps += 1
                clock.spend(pairs * (clock.machine.c + clock.machine.d * x[0, 0].numel()))
                pairs = min(pairs + 1, most)
                if steps == 1:  # once, so that there is a state to save
                    step(x[..., :1, :1], gradient[..., :1, :1])
                return x  # the pixels do not matter here

        return Timed()  # type: ignore[return-value]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine], Clock]:
    def at(machine: Machine) -> Clock:
        clock, make = Clock(machine), engine.optimizer_for
        monkeypatch.setattr(engine, "time", SimpleNamespace(perf_counter=clock.perf_counter))
        monkeypatch.setattr(trial, "time", SimpleNamespace(perf_counter=clock.perf_counter))
        monkeypatch.setattr(
            engine, "optimizer_for", lambda settings, vectors=None, together=None: clock.optimizer(make, settings)
        )
        return clock

    return at


def run_of(clock: Clock, **values: Any) -> Run:
    settings = resolve({**LAYERS, **values})
    pictures = gather(photo(32, 128), [painting(30, 40)], settings)
    return Run(settings, pictures, Vgg(tiny_weights(SHALLOW)), evaluator=clock.evaluator)


def followed(run: Run, clock: Clock) -> list[tuple[float, Step]]:
    """Each step with the time at its end."""
    return [(clock.now, step) for step in run]


def worst(steps: list[tuple[float, Step]], begun: float, *, until: float = 1.0) -> float:
    """The largest error of the time left, relative to the true one, between 5 % and a share `until` of the run."""
    end = steps[-1][0]
    errors = [
        abs(step.seconds_left - (end - now)) / (end - now)
        for now, step in steps[:-1]
        if 0.05 <= (now - begun) / (end - begun) <= until
    ]
    return max(errors)


RUNS = {
    "several levels": {"size": 512},
    "one level": {"size": 256, "levels": 1},
    "many levels": {"size": 512, "level_factor": 1.4, "iterations": 60},
    "no margin": {"size": 512, "margin": 0},
    "Adam": {"size": 512, "optimizer": "adam"},
    "short history": {"size": 512, "lbfgs_history": 5},
}


CASES = {name: (machine, RUNS["several levels"]) for name, machine in MACHINES.items()} | {
    name: (MACHINES["busy"], values) for name, values in RUNS.items()
}


@pytest.mark.parametrize(("machine", "values"), CASES.values(), ids=CASES)
def test_the_time_left_is_right_within_a_fifth_after_a_twentieth_of_the_run(
    on: Callable[[Machine], Clock], machine: Machine, values: dict[str, Any]
) -> None:
    clock = on(machine)
    steps = followed(run_of(clock, **values), clock)
    assert worst(steps, 0.0, until=0.9 if machine.jitter else 1.0) <= 0.2


def test_a_trial_that_was_held_up_spoils_no_forecast_after_a_twentieth_of_the_run(on: Callable[[Machine], Clock]) -> None:
    clock = on(MACHINES["two cores"])
    run = run_of(clock, size=1024)
    honest = trial.cost_of

    def held_up(*args: Any, **options: Any) -> trial.Cost:
        cost = honest(*args, **options)
        return cost._replace(step=2 * cost.step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "cost_of", held_up)
        expected = run.seconds_left()
    begun = clock.now
    steps = followed(run, clock)
    assert expected > 1.5 * (steps[-1][0] - begun)
    assert worst(steps, begun) <= 0.2


@pytest.mark.parametrize("machine", [machine for machine in MACHINES.values() if not machine.jitter])
def test_what_a_run_is_expected_to_take_before_its_start_is_right_within_a_fifth(
    on: Callable[[Machine], Clock], machine: Machine
) -> None:
    clock = on(machine)
    run = run_of(clock, size=512)
    expected, begun = run.seconds_left(), clock.now
    steps = followed(run, clock)
    assert expected == pytest.approx(steps[-1][0] - begun, rel=0.2)


@pytest.mark.parametrize("stop_after", [10, 250, 400])
def test_the_time_left_is_right_at_once_after_a_run_was_resumed(on: Callable[[Machine], Clock], stop_after: int) -> None:
    clock = on(MACHINES["two cores"])
    first = run_of(clock, size=512)
    for _ in range(stop_after):
        first.advance()
    second = run_of(clock, size=512)
    second.restore(*first.state())
    begun = clock.now
    expected = second.seconds_left()
    begun = clock.now
    steps = followed(second, clock)
    assert expected == pytest.approx(steps[-1][0] - begun, rel=0.2)
    assert worst(steps, begun) <= 0.2


def test_a_machine_that_becomes_slower_is_noticed_within_fifty_steps(on: Callable[[Machine], Clock]) -> None:
    clock = on(MACHINES["two cores"])
    run = run_of(clock, size=512)
    steps = []
    for step in run:
        steps.append((clock.now, step))
        if step.step == 250:
            clock.machine = Machine(*(2 * value for value in clock.machine))
    later = steps[300:-1]
    assert all(step.seconds_left == pytest.approx(steps[-1][0] - now, rel=0.2) for now, step in later)


@pytest.mark.parametrize("machine", [MACHINES["two cores"], MACHINES["graphics card"]])
def test_the_trials_take_at_most_a_hundredth_of_the_run_or_a_blink(on: Callable[[Machine], Clock], machine: Machine) -> None:
    clock = on(machine)
    run = run_of(clock, size=512)
    run.pace()
    took = clock.now
    assert took <= max(0.1, 0.01 * run.seconds_left())
    assert took <= 0.6


def test_a_short_run_is_not_tried_out(on: Callable[[Machine], Clock]) -> None:
    clock = on(MACHINES["two cores"])
    run = run_of(clock, size=64, iterations=3)
    run.pace()
    assert clock.now == 0
    steps = followed(run, clock)
    assert worst(steps, 0.0) <= 0.2


def test_a_narrow_picture_is_tried_out_at_sizes_that_the_deepest_layer_can_see(on: Callable[[Machine], Clock]) -> None:
    clock = on(MACHINES["graphics card"])
    settings = resolve({"size": 1000})
    pictures = gather(photo(33, 1000), [painting(40, 40)], settings)
    assert Run(settings, pictures, Vgg(tiny_weights()), evaluator=clock.evaluator).seconds_left() > 0


def test_trials_do_not_change_the_picture() -> None:
    """With the real network, whose sums depend on memory's alignment in the last bit."""
    network = networks.load("vgg19")

    def picture(*, tried: bool) -> Tensor:
        settings = resolve({"size": 64, "iterations": 3, "init": "noise"})
        run = Run(settings, gather(photo(48, 64), [painting(48, 64)], settings), network)
        run.pace(always=tried)
        for _ in run:
            pass
        return result_of(run).rgb

    assert torch.equal(picture(tried=True), picture(tried=False))
