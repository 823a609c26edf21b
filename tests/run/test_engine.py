"""The laws of a run, on the tiny network."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.samples import painting, photo, tiny_weights
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.errors import ImageTooSmall, InvalidSettings, NoProgress, UnknownName
from impasto.evaluate import Evaluation, Evaluator, Whole
from impasto.objective import Objective
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.run.result import result_of
from impasto.vgg import Vgg


def make(evaluator: Callable[[Vgg, Objective], Evaluator] = Whole, content: Any = None, style: Any = None, **values: Any) -> Run:
    settings = resolve({"size": 64, "iterations": 8, **values})
    styles = style if isinstance(style, list) else [painting(60, 80) if style is None else style]
    vgg = Vgg(tiny_weights(), pooling=settings.pooling)
    return Run(settings, gather(photo(75, 100) if content is None else content, styles, settings), vgg, evaluator=evaluator)


def finish(run: Run) -> Run:
    for _ in run:
        pass
    return run


@pytest.mark.parametrize(
    "values", [{}, {"optimizer": "adam"}, {"bounds": "free"}, {"init": "noise"}, {"init": "blend"}, {"init": "style"}]
)
def test_a_run_lowers_its_objective(values: dict[str, Any]) -> None:
    run = finish(make(**values))
    first = run.records[0].loss
    assert min(r.loss for r in run.records) < (first if values.get("init") == "style" else 0.7 * first)
    assert run.best is not None and 0 <= float(run.best.min()) <= float(run.best.max()) <= 1


def test_the_same_run_gives_the_same_picture() -> None:
    assert torch.equal(result_of(finish(make(init="noise"))).rgb, result_of(finish(make(init="noise"))).rgb)


def test_another_seed_gives_another_picture() -> None:
    assert not torch.equal(result_of(finish(make(init="noise"))).rgb, result_of(finish(make(init="noise", seed=1))).rgb)


@pytest.mark.parametrize("size", ["61x47", "64x33", "33x64", "50x50"])
@pytest.mark.parametrize("levels", [1, None])
def test_the_picture_has_exactly_the_size_asked_for(size: str, levels: int | None) -> None:
    width, height = map(int, size.split("x"))
    assert result_of(finish(make(size=size, levels=levels, iterations=6))).rgb.shape == (3, height, width)


def test_a_small_run_is_the_prefix_of_a_large_one() -> None:
    small, large = make(size=128, iterations=4), make(size=256, iterations=4)
    steps = [step.rgb for step in small]
    for expected, step in zip(steps, large, strict=False):
        assert torch.equal(expected, step.rgb)


@pytest.mark.parametrize("stop_after", [1, 3, 5, 6, 9])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_restored_run_equals_the_undisturbed_one(stop_after: int, optimizer: str) -> None:
    values = {"size": 128, "levels": 2, "iterations": 4, "optimizer": optimizer}
    undisturbed = finish(make(**values))
    first = make(**values)
    for _ in range(stop_after):
        first.advance()
    facts, tensors = first.state()
    second = make(**values)
    second.restore(
        facts,
        {
            name: torch.cat([torch.zeros(1), t.flatten()])[1:].view(t.shape) if t.is_floating_point() and t.ndim else t
            for name, t in tensors.items()
        },
    )
    finish(second)
    assert torch.equal(result_of(second).rgb, result_of(undisturbed).rgb)
    assert [(r.step, r.loss) for r in second.records] == [(r.step, r.loss) for r in undisturbed.records]


class Breaks:
    """An evaluator that gives NaN at one evaluation."""

    def __init__(self, vgg: Vgg, objective: Objective, at: int = 4) -> None:
        self._honest, self._at, self._calls = Whole(vgg, objective), at, 0

    def __call__(self, rgb: torch.Tensor) -> Evaluation:
        self._calls += 1
        found = self._honest(rgb)
        return replace(found, numbers=found.numbers * float("nan")) if self._calls == self._at else found


def test_a_nan_is_undone_and_stands_in_the_manifest() -> None:
    run = make(Breaks)
    steps = list(run)
    assert [step.rolled_back for step in steps if step.rolled_back] == ["J is nan"]
    result = result_of(run)
    assert torch.isfinite(result.rgb).all()
    assert result.manifest["rollbacks"] == [{"level": 1, "iteration": 4, "reason": "J is nan"}]


class Reads(TorchDispatchMode):
    """Counts numbers that are asked of a device one by one: on another device than the CPU each is a wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_steps_ask_the_device_for_nothing_but_the_evaluations_numbers(optimizer: str) -> None:
    run = make(levels=1, iterations=8, optimizer=optimizer)
    for _ in range(3):
        run.advance()
    with Reads() as reads:
        for _ in range(4):
            run.advance()
    assert reads.count == 0


class Stuck:
    """An evaluator whose value never falls."""

    def __init__(self, vgg: Vgg, objective: Objective) -> None:
        self._honest, self._value = Whole(vgg, objective), 1.0

    def __call__(self, rgb: torch.Tensor) -> Evaluation:
        found = self._honest(rgb)
        self._value *= 1.01
        return replace(found, numbers=torch.cat([torch.tensor([self._value]), found.numbers[1:]]))


def test_a_run_that_never_left_its_start_is_a_failure() -> None:
    with pytest.raises(NoProgress):
        finish(make(Stuck))


def test_alpha_is_carried_over_and_not_stylised() -> None:
    import numpy as np

    rgba = np.dstack([photo(64, 64), np.full((64, 64), 255, np.uint8)])
    rgba[:20, :, 3] = 0
    result = result_of(finish(make(content=rgba, iterations=2)))
    assert result.alpha is not None
    assert result.alpha.shape == (64, 64)
    assert float(result.alpha[5].max()) == 0 and float(result.alpha[40].min()) == 1
    assert result.image.mode == "RGBA"


@pytest.mark.parametrize("which", ["content", "style"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (20, 300)])
def test_a_picture_too_small_for_the_deepest_layer_is_refused(which: str, size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooSmall, match="32 px"):
        make(**{which: photo(*size)})


def test_a_shallow_objective_takes_smaller_pictures() -> None:
    run = make(content=photo(10, 20), size=20, content_layers="conv2_1", style_layers="conv1_1", iterations=2)
    assert result_of(finish(run)).rgb.shape == (3, 10, 20)


@pytest.mark.parametrize("option", ["content_layers", "style_layers"])
def test_an_unknown_layer_is_named_before_any_work(option: str) -> None:
    with pytest.raises(UnknownName, match="did you mean conv4_2"):
        make(**{option: "conv42"})


def test_no_style_is_an_error() -> None:
    with pytest.raises(InvalidSettings, match="style"):
        make(style=[])


def test_an_unknown_start_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean noise"):
        make(init="nosie")


def test_a_start_file_is_where_the_run_starts(tmp_path: Any) -> None:
    path = tmp_path / "start.png"
    from PIL import Image

    Image.fromarray(painting(48, 64)).save(path)
    run = make(init=str(path), size="64x48", content=photo(48, 64))
    expected = torch.from_numpy(painting(48, 64)).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(next(iter(run)).rgb, expected)


def test_a_blend_start_is_noise_over_the_photograph() -> None:
    run = make(init="blend", noise_ratio=0.6, size="64x48", content=photo(48, 64))
    content = torch.from_numpy(photo(48, 64)).permute(2, 0, 1)[None] / 255
    noise = (next(iter(run)).rgb - 0.4 * content) / 0.6 - run.vgg.mean_rgb
    assert float(noise.abs().max()) <= 20 / 255 + 1e-3
    assert float(noise.std()) == pytest.approx(40 / 255 / 12**0.5, rel=0.05)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_the_ends_of_strength_leave_one_term(strength: float) -> None:
    run = make(strength=strength, init="noise")
    parts = next(iter(run)).parts
    assert set(parts) - {"variation"} == ({"content"} if strength == 0 else {"style"})


def test_time_left_ends_at_0() -> None:
    steps = list(make())
    assert steps[0].seconds_left > steps[-1].seconds_left == 0
    assert [step.step for step in steps] == list(range(len(steps)))
    assert steps[-1].steps == len(steps)


def test_a_run_that_nobody_has_is_gone_at_once() -> None:
    """Not when the garbage collector comes by, which counts objects, and not the gigabytes that they hold."""
    settings = resolve({"size": 96, "levels": 1, "iterations": 50, "style_layers": "conv1_1"})
    gc.disable()
    try:
        run = Run(settings, gather(photo(48, 64), [painting(48, 64)], settings), Vgg(tiny_weights()))
        run.pace(always=True)
        run.advance()
        there = weakref.ref(run), weakref.ref(run.vgg)
        del run
        assert [one() for one in there] == [None, None]
    finally:
        gc.enable()
