"""A program watched from outside: when its process started, and when each J that it prints arrived.

All programs are timed alike, from the start of the process to the arrival of the line, so start-up, reading and the first look at
the targets count.  A line is written as soon as J is known: output is unbuffered.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks.options import ROOT
from benchmarks.table import loss
from benchmarks.timing import spread

TAIL: Final = 20


@dataclass(frozen=True)
class Moment:
    """J at one evaluation: seconds since the process started, and which of how many levels (coarse to fine) it belongs to."""

    seconds: float
    loss: float
    level: int = 1
    levels: int = 1

    @property
    def full(self) -> bool:
        """Whether it is J at full size."""
        return self.level == self.levels


@dataclass(frozen=True)
class Watched:
    """What a program printed; `seconds` from its start to its end; `facts` what it said besides J."""

    moments: tuple[Moment, ...]
    seconds: float
    facts: Mapping[str, Any]

    @property
    def final(self) -> float:
        """The last J."""
        return self.moments[-1].loss

    def reaches(self, mark: float) -> float | None:
        """Seconds until J at full size is at or below the mark by the program's own account, or None."""
        return next((moment.seconds for moment in self.moments if moment.full and moment.loss <= mark), None)

    def at(self, seconds: float) -> Moment | None:
        """The last evaluation by then, or None."""
        return next((moment for moment in reversed(self.moments) if moment.seconds <= seconds), None)

    def step_seconds(self) -> dict[str, float]:
        """Median and spread of the time between evaluations at full size."""
        full = [moment.seconds for moment in self.moments if moment.full]
        return spread([later - earlier for earlier, later in pairwise(full)])

    def raw(self) -> dict[str, Any]:
        """As plain values."""
        return {"seconds": self.seconds, "facts": dict(self.facts), "moments": [asdict(moment) for moment in self.moments]}


Reader = Callable[[str, float], "Moment | Mapping[str, Any] | None"]
"""A line and the seconds at which it came → a moment, other facts, or None."""


def peer_line(line: str, seconds: float) -> Moment | None:
    """neural-style: `  Total loss: 123.4`, printed at each evaluation with -print_iter 1."""
    found = re.match(r"\s*Total loss: (\S+)", line)
    return None if found is None else Moment(seconds, float(found[1]))


def course_line(line: str, seconds: float) -> Moment | None:
    """course_style_transfer.py: `Iteration 1: J 123.4`."""
    found = re.match(r"Iteration \d+: J (\S+)", line)
    return None if found is None else Moment(seconds, float(found[1]))


def search_line(line: str, seconds: float) -> Moment | Mapping[str, Any] | None:
    """search.py: JSON; the referee's seconds are taken off the clock."""
    if not line.startswith("{"):
        return None
    facts = json.loads(line)
    clock = seconds - facts["paused"]
    if facts["event"] == "step":
        # A step that was undone is time spent, but no J that the run has.
        return None if facts["undone"] else Moment(clock, facts["loss"], facts["level"], facts["levels"])
    if facts["event"] == "reached":
        return {"referee": facts["loss"]}
    return {"finished": facts["finished"], "levels": facts["levels"]}


def watch(command: Sequence[str | Path], read: Reader, *, folder: Path = ROOT) -> Watched:
    """Runs the command in a folder, and reads its lines as they come; stops with its last lines when it fails."""
    moments: list[Moment] = []
    facts: dict[str, Any] = {}
    tail: deque[str] = deque(maxlen=TAIL)
    environment = environment_for(folder)
    begun = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            found = read(line, time.perf_counter() - begun)
            tail.append(line)
            if isinstance(found, Moment):
                moments.append(found)
            elif found is not None:
                facts |= found
                # Said right after the step it is about.
                if "referee" in found:
                    facts["reached_s"] = moments[-1].seconds
    seconds = time.perf_counter() - begun
    if process.returncode != 0 or not moments:
        raise SystemExit(f"{Path(command[0]).name} ended with code {process.returncode} and said:\n{''.join(tail)}")
    if not math.isfinite(moments[-1].loss):
        raise SystemExit(f"{Path(command[0]).name} ended with J = {moments[-1].loss}, which nothing can be measured against")
    return Watched(tuple(moments), seconds, facts)


def environment_for(folder: Path) -> dict[str, str]:
    """The environment of a watched program: unbuffered, no cached styles; the source path stays with impasto's own programs."""
    # Nothing from an earlier run: the peer measures its style each time, too.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "IMPASTO_CACHE": os.devnull}
    if folder != ROOT:
        environment.pop("PYTHONPATH", None)
    return environment


def state_at(watched: Watched, seconds: float) -> str:
    """J at a time as it stands in a table: the number, or on which level the run still is."""
    moment = watched.at(seconds)
    if moment is None:
        return "starting"
    if not moment.full:
        return f"level {moment.level}/{moment.levels}"
    ended = "" if seconds <= watched.moments[-1].seconds else " (ended)"
    return f"{loss(moment.loss)}{ended}"
