"""Our side of a race, as a process of its own: minimises a preset's J with any search, and says when a mark is reached.

    python -m benchmarks.search CONTENT STYLE --preset neural-style --set levels=3 --mark 12345

Prints one JSON object a line: `step` at each evaluation, `reached` when the referee (reference.py) says that the picture's J at
full size is at or below the mark, `end`.  The referee's time is no part of a run: each line carries the seconds it has taken so
far, to be subtracted.  J of the neural-style preset is turned into the peer's to the letter: its pixels span 0..256.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.options import settings_given
from benchmarks.pictures import eight_bits, pixels
from benchmarks.reference import JUDGES, PEER_RANGE, Judge
from impasto import presets
from impasto.evaluate.allocator import keep_freed_memory
from impasto.run import Run, Step, gather
from impasto.settings import Settings
from impasto.vgg import Vgg
from impasto.vgg import weights as networks

NEAR = 1.001
"""From this many times the mark on, the referee looks: a run's own J may differ from its in the last digits."""


def run_of(preset: str, content: Path, style: Path, given: Mapping[str, Any]) -> Run:
    """A run on the CPU that minimises the preset's J at the content's own size, searched for as given."""
    height, width = pixels(content).shape[2:]
    # No picture on the way: neither side of a race writes any.
    values = {"save_every": None, "device": "cpu", "size": (width, height), **given, "preset": preset}
    if preset == "neural-style":
        # impasto measures its variation in 0..255.
        values["variation_weight"] = presets.get(preset).values["variation_weight"] * PEER_RANGE / 255
    settings = presets.resolve(values)
    return Run(settings, gather(str(content), [str(style)], settings), network_of(settings))


def network_of(settings: Settings) -> Vgg:
    """The network of the settings; for neural-style's J with the range that its pixels have."""
    weights = networks.load(settings.network)
    if settings.preset == "neural-style":
        weights = replace(weights, convention=replace(weights.convention, range=PEER_RANGE))
    return Vgg(weights, pooling=settings.pooling, device="cpu")


class Referee:
    """Judges pictures off the clock."""

    def __init__(self, preset: str, content: Path, style: Path, mark: float | None) -> None:
        self._preset = preset
        self._content = content
        self._style = style
        self._mark = mark
        self._judge: Judge | None = None
        self.seconds = 0.0

    def value(self, step: Step) -> float:
        """J of the step's picture."""
        begun = time.perf_counter()
        found = self._judge_now()(step.picture)
        self.seconds += time.perf_counter() - begun
        return found

    def reached(self, step: Step) -> float | None:
        """J of the step's picture if it is at or below the mark, at full size."""
        full = step.level == step.levels and step.rolled_back is None
        if self._mark is None or not full or step.loss > NEAR * self._mark:
            return None
        found = self.value(step)
        return found if found <= self._mark else None

    def finished_picture(self, run: Run) -> float | None:
        """J of the run's best picture as an 8-bit file holds it."""
        return None if run.best is None else self._judge_now()(eight_bits(run.best))

    def _judge_now(self) -> Judge:
        if self._judge is None:
            self._judge = JUDGES[self._preset](networks.load("vgg19"), pixels(self._content), pixels(self._style))
        return self._judge


def main() -> None:
    """Runs until the mark and some steps beyond, or to the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--preset", choices=list(JUDGES), required=True)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the search")
    parser.add_argument("--mark", type=float, help="J to be reached")
    parser.add_argument("--last-iterations", type=int, help="iterations at the last level")
    parser.add_argument("--steps-beyond", type=int, default=20, help="steps to go on beyond the mark")
    given = parser.parse_args()
    keep_freed_memory()
    run = run_of(given.preset, given.content, given.style, settings_given(given.set))
    if given.last_iterations is not None:
        run.levels = (*run.levels[:-1], replace(run.levels[-1], iterations=given.last_iterations))
    referee = Referee(given.preset, given.content, given.style, given.mark)
    beyond: int | None = None
    for step in run:
        say("step", referee, level=step.level, levels=step.levels, loss=step.loss, undone=step.rolled_back is not None)
        if beyond is None:
            found = referee.reached(step)
            if found is not None:
                beyond = 0
                say("reached", referee, loss=found)
        else:
            beyond += 1
        if beyond is not None and beyond >= given.steps_beyond:
            break
    say("end", referee, finished=referee.finished_picture(run), levels=[[*level.size, level.iterations] for level in run.levels])


def say(event: str, referee: Referee, **facts: Any) -> None:
    """One line."""
    print(json.dumps({"event": event, "paused": referee.seconds, **facts}), flush=True)


if __name__ == "__main__":
    main()
