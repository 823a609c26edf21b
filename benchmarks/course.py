"""Time until a course's program has its final J: course_style_transfer.py against impasto on the coursera preset's J.

Three processes, each timed from its start: the plain program; `coursera` as it is, whose picture takes the same way (the same
start image, the same Adam), so that the ratio is what a step costs less; and the preset's J with our own search.  The mark is the
last J that the plain program prints; both of ours are there when the referee (reference.py), which computes J by the plain
program's own functions, says so.  Adam at this rate is not monotone, so the plain program's time is when its J was first at or
below its last one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.options import Options, Raw, run_alone
from benchmarks.peer import AGREEMENT, again, search_options
from benchmarks.pictures import stretched_pair
from benchmarks.race import Watched, course_line, search_line, state_at, watch
from benchmarks.table import loss, markdown, number, ratio
from impasto import presets

PRESET: Final = "coursera"
SHARES: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


def measure(options: Options) -> Raw:
    """All races."""
    width, height = (64, 48) if options.quick else presets.get(PRESET).values["size"]
    iterations = options.race_iterations if options.quick else presets.get(PRESET).values["iterations"]
    with tempfile.TemporaryDirectory() as place:
        content, style = stretched_pair(options.content, options.style, (height, width), Path(place))
        races = [race(options, content, style, iterations=iterations) for _ in range(options.races)]
    return {"size": [height, width], "iterations": iterations, "search": dict(options.course_search), "races": races}


def race(options: Options, content: Path, style: Path, *, iterations: int) -> Raw:
    """The plain program, the preset as it is, and the preset's J with our search."""
    line = [sys.executable, "-m", "benchmarks.course_style_transfer", str(content), str(style)]
    plain = watch([*line, content.with_name("plain.png"), "--iterations", str(iterations)], course_line)
    return {
        "plain": plain.raw(),
        "preset": ours(options, {}, content, style, plain).raw(),
        "search": ours(options, options.course_search, content, style, plain).raw(),
    }


def ours(options: Options, search: Any, content: Path, style: Path, plain: Watched) -> Watched:
    """Our run to the plain program's final J; from the same start its first J must be the same, else this stops."""
    line = [sys.executable, "-m", "benchmarks.search", str(content), str(style), "--preset", PRESET]
    found = watch([*line, *search_options(options, search, plain.final)], search_line)
    first, expected = found.moments[0].loss, plain.moments[0].loss
    if not search and not abs(first - expected) <= AGREEMENT * expected:
        raise SystemExit(
            f"the preset {PRESET} starts at J = {first:.7g}, the plain program at {expected:.7g}: "
            f"they minimise different functions, so there is nothing to compare"
        )
    return found


def text(raw: Raw) -> str:
    """The tables of all races."""
    height, width = raw["size"]
    search = ", ".join(f"{name} {value if value is not None else 'by size'}" for name, value in raw["search"].items())
    parts = [
        f"### (b) Time until a course's program has its final J: {raw['iterations']} iterations of Adam, {width}×{height} px\n",
        f"Plain: course_style_transfer.py. Preset: `coursera` as it is. Our search on the same J: {search or 'as the preset'}.\n",
    ]
    for one in raw["races"]:
        parts += _race_text(one)
    return "\n".join(parts)


def _race_text(raw: Raw) -> list[str]:
    plain, preset, search = (again(raw[name]) for name in ("plain", "preset", "search"))
    mark = plain.final
    times = [plain.reaches(mark), preset.facts.get("reached_s"), search.facts.get("reached_s")]
    runs = [plain, preset, search]
    steps = [run.step_seconds()["median"] for run in runs]
    counts = [
        "–" if until is None else str(sum(moment.seconds <= until for moment in run.moments))
        for run, until in zip(runs, times, strict=True)
    ]
    rows = [
        ["J at the start", *(loss(run.moments[0].loss) for run in runs), ""],
        ["J to reach (plain's last)", loss(mark), *(loss(run.facts.get("referee")) for run in runs[1:]), ""],
        ["seconds until it is reached", *(number(until, 1) for until in times), _ratios(times)],
        ["evaluations until then", *counts, ""],
        ["seconds to the first J", *(number(run.moments[0].seconds) for run in runs), ""],
        ["seconds a step at full size, median", *(number(step, 3) for step in steps), _ratios(steps)],
    ]
    table = markdown(["", "plain", "preset", "our search", "plain ÷ preset, ÷ our search"], rows)
    ends = [share * plain.moments[-1].seconds for share in SHARES]
    over_time = markdown(
        ["seconds since start", "J of plain", "J of preset", "J of our search"],
        [[number(seconds, 1), *(state_at(run, seconds) for run in runs)] for seconds in ends],
    )
    missed = [
        f"**{name} did not reach the mark.**\n"
        for name, until in zip(("The preset", "Our search"), times[1:], strict=True)
        if until is None
    ]
    return [*missed, table, "", over_time, ""]


def _ratios(values: list[Any]) -> str:
    return ", ".join(ratio(values[0], value) for value in values[1:])


if __name__ == "__main__":
    run_alone(__doc__, measure, text)
