"""One run, step by step: levels, start image, objective, guarded loop; can be saved and restored exactly at any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import objective
from impasto.checkpoint import Later
from impasto.errors import NoProgress
from impasto.evaluate import Evaluation, Evaluator, Whole
from impasto.images import resize
from impasto.objective import Survey
from impasto.optimize import Adam, Bounds, Lbfgs, Loop, Optimizer, Rollback, Spectrum
from impasto.run import levels, style_cache
from impasto.run.inputs import Inputs
from impasto.run.pace import Cost, Pace, Work
from impasto.run.start import start_image
from impasto.run.trial import pace_of
from impasto.settings import Settings
from impasto.vgg import Vgg

if TYPE_CHECKING:
    from impasto.run.together import Together


@dataclass(frozen=True)
class Step:
    """One evaluation of a run.  `loss` is J, `parts` are J_content, J_style, J_variation without α, β, γ."""

    level: int
    levels: int
    size: tuple[int, int]
    iteration: int
    iterations: int
    step: int
    steps: int
    loss: float
    parts: Mapping[str, float]
    rolled_back: str | None
    seconds_left: float
    rgb: Tensor
    """The picture evaluated, [1, 3, H, W], sRGB-encoded, at the level's size; pixels may leave 0..1 where bounds are free.

    Of several processes the first has it, at steps that `save_every` asks for; else it has no rows.
    """


@dataclass(frozen=True)
class Record:
    """One line of the losses: step counts all evaluations, iteration those of its level, from 0."""

    step: int
    level: int
    width: int
    height: int
    iteration: int
    loss: float
    parts: Mapping[str, float]


def _unmeasured(vgg: Vgg, style: Tensor, layers: Sequence[str], survey: Survey) -> dict[str, Tensor]:
    """Gram matrices of no style: what a step costs does not depend on them."""
    del style, survey
    channels = {conv.name: conv.channels_out for conv in vgg.architecture.convs}
    return {layer: torch.eye(channels[vgg.architecture.layer(layer)], device=vgg.device) for layer in layers}


def optimizer_for(settings: Settings, together: Together | None = None) -> Optimizer:
    """A fresh optimiser as the settings describe it, of several processes one for its own part."""
    bounds = Bounds(0.0, 1.0) if settings.bounds == "project" else None
    if settings.optimizer == "adam":
        return Adam(learning_rate=settings.learning_rate, bounds=bounds)
    metric = Spectrum(settings.lbfgs_metric) if together is None else together.metric(settings.lbfgs_metric)
    vectors = None if together is None else together.vectors
    return Lbfgs(history=settings.lbfgs_history, bounds=bounds, metric=metric, vectors=vectors)


class Run:
    """Iterate over it to make the picture; each item is a Step."""

    def __init__(
        self,
        settings: Settings,
        inputs: Inputs,
        vgg: Vgg,
        *,
        evaluator: Callable[[Vgg, objective.Objective], Evaluator] = Whole,
        together: Together | None = None,
    ) -> None:
        """Checks settings and pictures against the network; raises ImageTooSmall, UnknownName or InvalidSettings.

        `together`: the other processes that make this picture, whose evaluator takes the place of the one given.
        """
        self.settings = settings
        self.inputs = inputs
        self.vgg = vgg
        self.together = together
        self._evaluator = evaluator if together is None else together.evaluator
        named = [*settings.content_layers, *settings.style_layers]
        self.layers = tuple(dict.fromkeys(vgg.architecture.layer(name) for name in named))
        deepest = vgg.architecture.deepest(self.layers)
        self.stride = vgg.architecture.stride(deepest)
        self.min_side_px = vgg.architecture.min_side_px(deepest)
        levels.check_inputs(inputs.content, list(inputs.styles), min_side_px=self.min_side_px)
        content_size = (inputs.content.rgb.shape[1], inputs.content.rgb.shape[2])
        self.levels = levels.plan(settings, content_size, min_side_px=self.min_side_px)
        self.level = 0
        self.records: list[Record] = []
        self.rollbacks: list[tuple[int, Rollback]] = []
        self.seconds = 0.0
        self.level_seconds = [0.0] * len(self.levels)
        self._pace: Pace | None = None
        self._try_again: Callable[[], list[Cost]] | None = None
        self._loop: Loop[Evaluation] | None = None
        self._best: tuple[float, Tensor] | None = None
        self._first: float | None = None
        self._moved = False

    @property
    def finished(self) -> bool:
        """Whether all levels are done."""
        return self.level >= len(self.levels)

    @property
    def steps(self) -> int:
        """Evaluations in all: each level has one more than iterations, so that its last picture has a J."""
        return sum(level.iterations + 1 for level in self.levels)

    @property
    def has_picture(self) -> bool:
        """Whether there is a best one."""
        return self._best is not None

    @property
    def best(self) -> Tensor | None:
        """The picture with the lowest J of the level so far, [1, 3, h, w], clipped to 0..1; None before the first evaluation."""
        if self._best is None:
            return None
        if self.together is None:
            return self._cut(self._best[1]).clamp(0, 1)
        return self._cut(self.together.best(self._best[1])).clamp(0, 1)

    def _cut(self, canvas: Tensor) -> Tensor:
        """The picture inside the margin."""
        m = self.settings.margin
        return canvas[:, :, m : canvas.shape[2] - m, m : canvas.shape[3] - m]

    def _canvas(self, picture: Tensor) -> Tensor:
        """A picture with its mirrored margin around it; one too small to be mirrored repeats its border."""
        m = self.settings.margin
        return F.pad(picture, (m, m, m, m), mode="reflect" if m < min(picture.shape[2:]) else "replicate")

    def __iter__(self) -> Iterator[Step]:
        while not self.finished:
            yield self.advance()

    def advance(self) -> Step:
        """One evaluation and step.  Raises RunError, and NoProgress at the end of a run that never left its start."""
        if self.together is None:
            return self._advance()
        with self.together.step():
            return self._advance()

    def _advance(self) -> Step:
        pace = self.pace()
        begun = time.perf_counter()
        loop = self._loop = self._loop or self._enter()
        level = self.levels[self.level]
        stepping = time.perf_counter()
        good = loop.advance(last=loop.iteration == level.iterations)
        pace.observe(level.canvas_pixels(self.settings.margin), loop.iteration - 1, time.perf_counter() - stepping)
        rolled_back = None
        if good is None:
            rollback = loop.rollbacks[-1]
            self.rollbacks.append((self.level, rollback))
            rolled_back = rollback.reason
        else:
            self._keep(loop.iteration - 1, *good)
        at, last = self.level, self.records[-1]
        rgb = loop.x if self._best is None else self._best[1] if good is None else good[0]
        if loop.iteration > level.iterations:
            self._leave()
        left = pace.left(self.works(at), done=loop.iteration)
        if self._try_again is not None and pace.again(sum(self.level_seconds), left):
            pace.tried_again(self._try_again())
            left = pace.left(self.works(at), done=loop.iteration)
        spent = time.perf_counter() - begun
        self.seconds += spent
        self.level_seconds[at] += spent
        done = sum(other.iterations + 1 for other in self.levels[:at]) + loop.iteration
        return Step(
            at + 1,
            len(self.levels),
            level.size,
            loop.iteration - 1,
            level.iterations,
            done - 1,
            self.steps,
            last.loss,
            last.parts,
            rolled_back,
            left,
            self._shown(rgb, done - 1),
        )

    def _shown(self, canvas: Tensor, step: int) -> Tensor:
        """The picture on a canvas, as a Step has it."""
        if self.together is not None:
            every = self.settings.save_every
            canvas = self.together.for_first(canvas) if every is not None and step % every == 0 else canvas[:, :, :0]
        return self._cut(canvas)

    def _keep(self, iteration: int, rgb: Tensor, evaluation: Evaluation) -> None:
        height, width = self.levels[self.level].size
        step = sum(other.iterations + 1 for other in self.levels[: self.level]) + iteration
        self.records.append(Record(step, self.level + 1, width, height, iteration, evaluation.value, evaluation.parts))
        if self._first is None:
            self._first = evaluation.value
        if self._best is None or evaluation.value <= self._best[0]:
            self._best = (evaluation.value, rgb)

    def pictures(self, level: int) -> tuple[Tensor, list[Tensor]]:
        """Content, with its margin, and styles at the size of a level (from 0), [1, 3, h, w], on the device."""
        size = self.levels[level].size
        content = self._canvas(resize(self.inputs.content.rgb[None], size))
        styles = []
        for style in self.inputs.styles:
            own = (style.rgb.shape[1], style.rgb.shape[2])
            styles.append(
                resize(
                    style.rgb[None],
                    levels.style_size(self.settings, own, size, min_side_px=self.min_side_px),
                )
            )
        return content.to(self.vgg.device), [style.to(self.vgg.device) for style in styles]

    def _enter(self, x: Tensor | None = None) -> Loop[Evaluation]:
        """The loop of the level at hand, from the level before it, the start image, or a given x."""
        content, styles = self.pictures(self.level)
        if x is None and self._best is not None:
            before = self._best[1] if self.together is None else self.together.all(self._best[1])
            before = self._cut(before).clamp(0, 1).cpu()  # resized there, as all pictures are: not every device can
            x = self._canvas(resize(before, self.levels[self.level].size)).to(self.vgg.device)
            self._best = self._first = None
            x = self._own(x)
        elif x is None:
            given = self.inputs.start
            start = start_image(
                self.settings.init,
                content=self._cut(content),
                styles=styles,
                given=None if given is None else given.rgb[None].to(self.vgg.device),
                mean_rgb=self.vgg.mean_rgb,
                noise_ratio=self.settings.noise_ratio,
                generator=torch.Generator().manual_seed(self.settings.seed),
            )
            x = self._own(self._canvas(start))
        ahead = self.vgg.device.type != "cpu"
        if self.together is None:
            goal = objective.build(self.settings, self.vgg, content, styles, grams=style_cache.grams)
            return Loop(self._evaluator(self.vgg, goal), optimizer_for(self.settings), x, ahead=ahead)
        # Measured together, and not taken from a cache that one may have, and another not.
        goal = objective.build(self.settings, self.vgg, content, styles, survey=self.together.survey(self.layers))
        optimizer = optimizer_for(self.settings, self.together)
        return Loop(self._evaluator(self.vgg, goal), optimizer, x, ahead=ahead, vectors=self.together.vectors)

    def _own(self, canvas: Tensor) -> Tensor:
        """Of a new level's canvas the rows that are ours: all, unless there are other processes."""
        if self.together is None:
            return canvas
        self.together.enter((canvas.shape[2], canvas.shape[3]), self.stride)
        return self.together.own(canvas)

    def _leave(self) -> None:
        if self._best is not None and self._first is not None:
            # A J of 0 at the start is the minimum: nothing was asked for (strength 0), and nothing is to be done.
            self._moved = self._moved or self._best[0] < self._first or self._first == 0
        if self.level == len(self.levels) - 1 and not self._moved:
            raise NoProgress(
                f"no step lowered J below its start at {self._first:.6g}, so the picture would be its start image; "
                f"start from --init noise (a flat photograph needs it), change the weights, or give more iterations",
                first=self._first,
            )
        self.level += 1
        self._loop = None

    def works(self, first: int = 0) -> list[Work]:
        """The levels as work, from one of them (from 0) on."""
        return [Work(level.canvas_pixels(self.settings.margin), level.iterations + 1) for level in self.levels[first:]]

    def pace(self, *, always: bool = False) -> Pace:
        """What steps take here, tried out once, before the first.

        `always`: even if the run is so short that this would be a notable part of it.
        """
        if self._pace is None and self.together is not None:
            # Trials would be of one process; what steps take together is known from the first one on.
            self._pace = Pace(self.settings.lbfgs_history if self.settings.optimizer == "lbfgs" else 0)
        if self._pace is None:
            self._pace, self._try_again = pace_of(
                lambda x: self._evaluator(self.vgg, objective.build(self.settings, self.vgg, x, [x], grams=_unmeasured)),
                lambda: optimizer_for(self.settings),
                history=self.settings.lbfgs_history if self.settings.optimizer == "lbfgs" else 0,
                works=self.works(self.level),
                final=self.levels[-1].size,
                min_side_px=self.min_side_px,
                device=self.vgg.device,
                always=always,
            )
        return self._pace

    def seconds_left(self) -> float:
        """What the steps to come will take, from what was tried out and what the steps so far took."""
        done = 0 if self._loop is None else self._loop.iteration
        return self.pace(always=True).left(self.works(self.level), done=done)

    def tensors(self) -> dict[str, Tensor]:
        """Those of the state, of several processes this one's part of them."""
        tensors: dict[str, Tensor] = {}
        if self._best is not None:
            tensors["best"] = self._best[1]
        if self._loop is not None:
            tensors["x"] = self._loop.x
            tensors |= {f"optimizer.{name}": tensor for name, tensor in self._loop.optimizer.state().items()}
        return tensors

    def state(self) -> tuple[dict[str, Any], Mapping[str, Tensor | Later]]:
        """Facts and tensors from which `restore` goes on exactly; valid until the next step, which may write over the tensors."""
        facts: dict[str, Any] = {
            "level": self.level,
            "seconds": self.seconds,
            "level_seconds": self.level_seconds,
            "first": self._first,
            "moved": self._moved,
            "records": [asdict(record) for record in self.records],
            "rollbacks": [(level, asdict(rollback)) for level, rollback in self.rollbacks],
        }
        if self._best is not None:
            facts["best"] = self._best[0]
        if self._loop is not None:
            loop = self._loop
            facts["loop"] = {
                "iteration": loop.iteration,
                "last_good": loop.last_good,
                "retreats_in_a_row": loop.retreats_in_a_row,
                "scale": loop.scale,
            }
        return facts, self.tensors() if self.together is None else self.together.later(self.tensors())

    def restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Goes to a saved state."""
        self.level = facts["level"]
        self.seconds = facts["seconds"]
        self.level_seconds = list(facts["level_seconds"])
        self._first = facts["first"]
        self._moved = facts["moved"]
        self.records = [Record(**record) for record in facts["records"]]
        self.rollbacks = [(level, Rollback(**rollback)) for level, rollback in facts["rollbacks"]]
        device, prefix = self.vgg.device, "optimizer."
        # Copied even on the CPU: a file's tensors lie at any address, and MKL's sums depend on alignment in the last bit.
        self._best = (facts["best"], tensors["best"].to(device, copy=True)) if "best" in facts else None
        if "loop" in facts:
            self._loop = self._enter(tensors["x"].to(device, copy=True))
            self._loop.iteration = facts["loop"]["iteration"]
            self._loop.last_good = facts["loop"]["last_good"]
            self._loop.retreats_in_a_row = facts["loop"]["retreats_in_a_row"]
            self._loop.scale = facts["loop"]["scale"]
            own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            self._loop.optimizer.restore(own, device=device)
