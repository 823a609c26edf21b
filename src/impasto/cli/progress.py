"""The progress of a run in a terminal: a bar with level, step, J, each term, and the time left."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from impasto.duration import duration
from impasto.run import Run, Step
from impasto.run.mask_effects import little_is_left
from impasto.run.masks import stretched
from impasto.run.styles import finer_strokes
from impasto.settings import Settings
from impasto.storage.text import shown


class Progress:
    """Shows a run on standard error, so that standard output holds the picture's path only."""

    def __init__(self, settings: Settings, *, shown: bool) -> None:
        self._settings = settings
        self._console = Console(stderr=True, quiet=not shown, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[losses]}"),
            TextColumn("[bold]{task.fields[left]}[/bold]"),
            console=self._console,
            refresh_per_second=4,
            disable=not shown or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("preparing", total=None, losses="", left="")

    def __enter__(self) -> Progress:
        with contextlib.suppress(RuntimeError):  # no thread can be started that would draw it; the lines are there without
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def say(self, text: str | Callable[[], str]) -> None:
        """Print one line above the bar, given as text or as what makes it; a line that cannot be made is not printed."""
        if self._console.quiet:
            return
        with contextlib.suppress(Exception):
            line = text if isinstance(text, str) else text()
            self._console.print(line, soft_wrap=not self._console.is_terminal)

    def warn(self, text: str) -> None:
        """Print one line about what went wrong on the way, even for those who asked for quiet."""
        print(f"impasto: {shown(text)}", file=sys.stderr)

    def end(self, run: Run) -> None:
        """What came out."""
        if run.finished:
            best = min(record.loss for record in run.records if record.level == len(run.levels))
            self.say(f"done in {duration(run.seconds)}; the picture has J {best:.5g}, the best of its level")

    def begin(self, run: Run) -> None:
        """Say what is going to happen."""
        sizes = " → ".join(f"{level.size[1]}x{level.size[0]}" for level in run.levels)
        names = [style.name for style in run.inputs.styles]
        more = f" and {len(names) - 3} more" if len(names) > 4 else ""
        styles = escape(shown(" + ".join(names[:3] if more else names) + more))
        content = escape(shown(run.inputs.content.name))
        self.say(f"[bold]{content}[/bold] in the style of [bold]{styles}[/bold]: {sizes} px on {run.vgg.device}")
        for name, finer in finer_strokes(run.settings, run.inputs.styles, max(run.levels[-1].size)):
            self.say(
                f"{escape(shown(name))} is too small for this size: its strokes will be {finer:.1f} times finer than asked for"
            )
        for line in little_is_left(run.settings, run.inputs):
            self.say(escape(line))
        for name, sizes in stretched(run.inputs):
            self.say(f"the mask {escape(shown(name))} is stretched: it is {escape(shown(sizes))}")

    def step(self, step: Step) -> None:
        """One evaluation."""
        parts = "  ".join(f"{name} {value:.4g}" for name, value in step.parts.items())
        losses = f"J {step.loss:.5g}  {parts}"
        self._bar.update(
            self._task,
            description=f"level {step.level}/{step.levels} {step.size[1]}x{step.size[0]} step {step.iteration}/{step.iterations}",
            total=step.steps,
            completed=step.step + 1,
            losses=losses,
            left=f"{duration(step.seconds_left)} left",
        )
        if step.rolled_back is not None:
            self.say(f"step {step.iteration} undone: {escape(step.rolled_back)}")
        every = self._settings.save_every
        if (every is not None and step.step % every == 0) or (self._bar.disable and self._is_milestone(step)):
            self.say(
                f"level {step.level}/{step.levels} step {step.iteration}/{step.iterations}: "
                f"{losses}, {duration(step.seconds_left)} left"
            )

    @staticmethod
    def _is_milestone(step: Step) -> bool:
        """Without a terminal there is no bar: a line at the start, the end, and every 50 steps of a level."""
        return step.iteration % 50 == 0 or step.iteration == step.iterations
