"""One run, step by step: levels, start image, objective, guarded loop; can be saved and restored exactly at any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from impasto import objective
from impasto.checkpoint import Later, Renamed
from impasto.errors import InvalidSettings, NoProgress
from impasto.evaluate import Evaluation, Evaluator, Tiled, TiledSurvey, Whole
from impasto.evaluate.allocator import keep_less
from impasto.evaluate.geometry import margin_px
from impasto.evaluate.memory import Plan
from impasto.images import resize
from impasto.losses import PIXELS
from impasto.losses.whole import ADVICE
from impasto.objective import WHOLE, Survey
from impasto.optimize import Adam, Bounds, Lbfgs, Loop, Optimizer, Rollback, Spectrum, Vectors
from impasto.out_of_memory import is_out_of_memory
from impasto.run import levels, style_cache
from impasto.run.budget import Budget, release
from impasto.run.inputs import Inputs
from impasto.run.pace import Cost, Pace, Work
from impasto.run.seen import Seen
from impasto.run.step import Record, Step
from impasto.run.trial import goal_of_noise, pace_of
from impasto.scratch import Scratch
from impasto.settings import Settings
from impasto.torch_modes import own_torch_modes
from impasto.vgg import Vgg

if TYPE_CHECKING:
    from impasto.run.together import Together


def optimizer_for(settings: Settings, vectors: Vectors | None = None, together: Together | None = None) -> Optimizer:
    """A fresh optimiser as the settings describe it, of several processes one for its own part.

    `vectors`: where L-BFGS keeps its history, None is in memory.
    """
    bounds = Bounds(0.0, 1.0) if settings.bounds == "project" else None
    if settings.optimizer == "adam":
        return Adam(learning_rate=settings.learning_rate, bounds=bounds)
    metric = Spectrum(settings.lbfgs_metric) if together is None else together.metric(settings.lbfgs_metric)
    return Lbfgs(history=settings.lbfgs_history, bounds=bounds, metric=metric, vectors=vectors)


class Run:
    """Iterate over it to make the picture; each item is a Step."""

    @own_torch_modes()
    def __init__(
        self,
        settings: Settings,
        inputs: Inputs,
        vgg: Vgg,
        *,
        evaluator: Callable[[Vgg, objective.Objective], Evaluator] | None = None,
        together: Together | None = None,
    ) -> None:
        """Check settings and pictures against the network; raise ImageTooSmall, UnknownName or InvalidSettings.

        `evaluator`: None is what the memory plan says; `together`: the other processes that make this picture.
        """
        self.settings = settings
        self.inputs = inputs
        self.vgg = vgg
        self.together = together
        self._evaluator = evaluator
        named = [*settings.content_layers, *settings.style_layers]
        self.layers = tuple(dict.fromkeys(vgg.architecture.layer(name) for name in named))
        deepest = vgg.architecture.deepest(self.layers)
        self.stride = vgg.architecture.stride(deepest)
        self.min_side_px = vgg.architecture.min_side_px(deepest)
        self._seen = Seen(settings, inputs, vgg, min_side_px=self.min_side_px)
        self.levels = levels.plan(settings, inputs.content.size, min_side_px=self.min_side_px, stride=self.stride)
        if settings.tileable:
            levels.check_tileable(self.levels[-1].size, self.stride)
            if together is not None:
                raise InvalidSettings("a tileable picture is made by one process; start it without torchrun", setting="tileable")
        if settings.compares_whole and together is not None:
            raise InvalidSettings(ADVICE.format(by="several processes"), setting="style_loss")
        self.scratch: Path | None = None
        """The folder for vectors that do not fit into memory; None is that for temporary files, looked for when it is needed."""

        sizes = [level.canvas(settings.canvas_margin) for level in self.levels]
        margin = margin_px(vgg.architecture, vgg.path(self.layers))
        band = None if together is None else partial(together.seen, stride=self.stride, margin=margin)
        masks = len({mask.sha256 for mask in inputs.masks.values()})
        self.budget = Budget(settings, vgg, self.layers, sizes, masks=masks, band=band)
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
    @own_torch_modes()
    def best(self) -> Tensor | None:
        """The picture with the lowest J of the level so far, [1, 3, h, w], clipped to 0..1; None before the first evaluation."""
        if self._best is None:
            return None
        if self.together is None:
            return self._seen.cut(self._best[1]).clamp(0, 1)
        return self._seen.cut(self.together.best(self._best[1])).clamp(0, 1)

    def __iter__(self) -> Iterator[Step]:
        while not self.finished:
            yield self.advance()

    @own_torch_modes()
    def advance(self) -> Step:
        """Make one evaluation and step; raise RunError, and NoProgress at the end of a run that never left its start."""
        if self.together is None:
            return self._advance()
        with self.together.step():
            return self._advance()

    def _advance(self) -> Step:
        pace = self.pace()
        begun = time.perf_counter()
        level = self.levels[self.level]
        note = None
        while True:
            try:
                loop = self._loop = self._loop or self._enter()
                stepping = time.perf_counter()
                good = loop.advance(last=loop.iteration == level.iterations)
                break
            except (MemoryError, RuntimeError) as error:
                if self.together is not None or not is_out_of_memory(error):
                    raise
            # Here, where nothing of the failed step is held any more.
            note = self._with_less_memory()
        plan = self.budget.plans[self.level]
        pace.observe(plan.work_pixels, loop.iteration - 1, time.perf_counter() - stepping)
        rolled_back = None
        if good is None:
            rollback = loop.rollbacks[-1]
            self.rollbacks.append((self.level, rollback))
            rolled_back = rollback.reason
        else:
            self._keep(loop.iteration - 1, *good)
        at, last = self.level, self.records[-1]
        # The best one instead of a bad one: kept apart, since the next best may be written over it where it lies on disk.
        rgb = loop.x if self._best is None else loop.vectors.keep(self._best[1]) if good is None else good[0]
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
            dict(last.parts),
            rolled_back,
            left,
            note,
            self._shown(rgb, done - 1),
        )

    def _shown(self, canvas: Tensor, step: int) -> Tensor:
        """Return the picture on a canvas, as a Step has it."""
        if self.together is not None:
            every = self.settings.save_every
            canvas = self.together.for_first(canvas) if every is not None and step % every == 0 else canvas[:, :, :0]
        return self._seen.cut(canvas)

    def _keep(self, iteration: int, rgb: Tensor, evaluation: Evaluation) -> None:
        height, width = self.levels[self.level].size
        step = sum(other.iterations + 1 for other in self.levels[: self.level]) + iteration
        self.records.append(Record(step, self.level + 1, width, height, iteration, evaluation.value, evaluation.parts))
        if self._first is None:
            self._first = evaluation.value
        if self._best is None or evaluation.value <= self._best[0]:
            vectors = Vectors() if self._loop is None else self._loop.vectors
            self._best = (evaluation.value, vectors.keep(rgb, None if self._best is None else self._best[1]))

    def styles(self, level: int) -> Iterator[objective.Style]:
        """Each style as a level (from 0) sees it, [1, 3, h, w], on the device."""
        return self._seen.styles(self.levels[level].size)

    @own_torch_modes()
    def finished_picture(self, rgb: Tensor) -> Tensor:
        """Return a picture of this run [3, H, W], 0..1, of any size, as it is shown and saved."""
        return self._seen.finished(rgb)

    def _enter(self, x: Tensor | None = None) -> Loop[Evaluation]:
        """The loop of the level at hand, from the level before it, the start image, or a given x."""
        plan = self.budget.plans[self.level]
        keep_less(little=plan.tile_px is not None)
        store = Scratch(self.scratch) if plan.on_disk else None
        survey: Survey = WHOLE if plan.tile_px is None else TiledSurvey(plan.tile_px, self.layers)
        if self.together is not None:
            survey = self.together.survey(self.layers, plan)
        size = self.levels[self.level].size
        content = self._seen.content(size)
        goal = objective.build(
            self.settings,
            self.vgg,
            content,
            self._seen.styles(size),
            masks=self._seen.masks(size),
            # Of several processes one may have them in its cache, and another not.
            grams=style_cache.grams if self.together is None else objective.style_grams,
            survey=survey,
            store=store,
        )
        if x is None:
            x = self._start(content)
        del content
        vectors = Vectors(store=store) if self.together is None else self.together.vectors
        settings = self.settings.model_copy(update={"lbfgs_history": plan.history or self.settings.lbfgs_history})
        ahead = self.vgg.device.type != "cpu"
        return Loop(self._evaluate(plan, goal), optimizer_for(settings, vectors, self.together), x, ahead=ahead, vectors=vectors)

    def _start(self, content: Tensor) -> Tensor:
        """Where the level at hand begins: the best picture of the one before, enlarged, or the start image."""
        if self._best is not None:
            best = self._best[1] if self.together is None else self.together.all(self._best[1])
            before = self._seen.cut(best).clamp(0, 1).cpu()  # resized there, as all pictures are: not every device can
            x = self._own(self._seen.canvas(resize(before, self.levels[self.level].size)).to(self.vgg.device))
            self._best = self._first = None
            return x
        return self._own(self._seen.start(self.levels[self.level].size, content))

    def _own(self, canvas: Tensor) -> Tensor:
        """Of a new level's canvas the rows that are ours: all, unless there are other processes."""
        if self.together is None:
            return canvas
        self.together.enter((canvas.shape[2], canvas.shape[3]), self.stride)
        return self.together.own(canvas)

    def _evaluate(self, plan: Plan, goal: objective.Objective) -> Evaluator:
        if self.together is not None:
            return self.together.evaluator(self.vgg, goal, plan)
        if self._evaluator is not None:
            return self._evaluator(self.vgg, goal)
        tileable = self.settings.tileable
        if plan.tile_px is None and plan.kept_from == PIXELS and not tileable:
            return Whole(self.vgg, goal)
        return Tiled(self.vgg, goal, plan.tile_px or max(plan.size), plan.kept_from, wraps=tileable)

    def _with_less_memory(self) -> str:
        """Goes on where the loop is, or begins the level, in the next plan; says so.  Raises RunError when there is none."""
        note = self.budget.lower(self.level)
        before, self._loop = self._loop, None
        if before is not None:
            counted, x = before.counts(), before.x
            del before
            release(self.vgg.device)
            self._loop = self._enter(x)
            self._loop.count_from(counted)
        return note

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
        plans = self.budget.plans[first:]
        return [Work(plan.work_pixels, level.iterations + 1) for plan, level in zip(plans, self.levels[first:], strict=True)]

    @own_torch_modes()
    def pace(self, *, always: bool = False) -> Pace:
        """What steps take here, tried out once, before the first.

        `always`: even if the run is so short that this would be a notable part of it.
        """
        if self._pace is None and self.together is not None:
            # Trials would be of one process; what steps take together is known from the first one on.
            self._pace = Pace(self.settings.lbfgs_history if self.settings.optimizer == "lbfgs" else 0)
        if self._pace is None:
            # Without the run itself: it would hold what holds it, and its memory would wait for the garbage collector.
            settings, vgg, evaluator = self.settings, self.vgg, self._evaluator or Whole
            self._pace, self._try_again = pace_of(
                lambda x: evaluator(vgg, goal_of_noise(settings, vgg, x)),
                lambda: optimizer_for(settings),
                history=self.settings.lbfgs_history if self.settings.optimizer == "lbfgs" else 0,
                # Before there are plans: these know the process's memory better when the network is warm.
                works=[
                    Work(prod(level.canvas(self.settings.canvas_margin)), level.iterations + 1)
                    for level in self.levels[self.level :]
                ],
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
            facts["loop"] = loop.counts()
            facts["plan"] = self.budget.saved(self.level)
        return facts, self.tensors() if self.together is None else self.together.later(self.tensors())

    def rest(self, part: Tensor) -> None:
        """Part of a tensor of `state` is not needed for a while: memory that holds it is given up, where it lies on disk."""
        if self._loop is not None and self._loop.vectors.store is not None:
            self._loop.vectors.store.rest(part)

    @own_torch_modes()
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
            self.budget.adopt(self.level, facts["plan"])
            loop = self._loop = self._enter(tensors["x"].to(device, copy=True))
            loop.count_from(facts["loop"])
            if self._best is not None:
                self._best = (self._best[0], loop.vectors.keep(self._best[1]))
            own = {name.removeprefix(prefix): name for name in tensors if name.startswith(prefix)}
            loop.optimizer.restore(Renamed(tensors, own), device=device)
