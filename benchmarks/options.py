"""The options of all parts, each with its one home here, and how a part runs alone."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]

SEARCH: Final = ("levels=1", "lbfgs_history=50", "lbfgs_metric=0.5")
COURSE_SEARCH: Final = ("optimizer=lbfgs", "init=content", "levels=none", "iterations=none")

Raw = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What a part is told; sizes are the long side in px."""

    content: Path
    style: Path
    quick: bool
    repetitions: int
    peer: str
    race_size: int
    race_iterations: int
    races: int
    search: Mapping[str, str | None]
    course_search: Mapping[str, str | None]
    last_iterations: int
    steps_beyond: int


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows all of them."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--content", type=Path, default=ROOT / "examples" / "photos" / "temple.jpg", help="the photograph")
    made.add_argument("--style", type=Path, default=ROOT / "examples" / "styles" / "flow.jpg", help="the painting")
    made.add_argument("--quick", action="store_true", help="tiny sizes and few steps: shows that it runs, measures nothing")
    made.add_argument("--repetitions", type=int, default=5, help="timings whose median counts (default 5)")
    made.add_argument("--peer", default="", help="environment that holds neural-style; default .bench-peer/; none: leave it out")
    made.add_argument("--race-size", type=int, default=512, help="long side of the race against the peer in px (default 512)")
    made.add_argument("--race-iterations", type=int, default=300, help="iterations of the peer (default 300)")
    made.add_argument("--races", type=int, default=1, help="how often each race is run (default 1)")
    made.add_argument(
        "--search",
        nargs="*",
        default=SEARCH,
        metavar="NAME=VALUE",
        help=f"settings of our search against the peer (default {' '.join(SEARCH)})",
    )
    made.add_argument(
        "--course-search",
        nargs="*",
        default=COURSE_SEARCH,
        metavar="NAME=VALUE",
        help=f"settings of our search against the course's program (default {' '.join(COURSE_SEARCH)})",
    )
    made.add_argument(
        "--last-iterations", type=int, default=600, help="most iterations of our search at the last level (default 600)"
    )
    made.add_argument("--steps-beyond", type=int, default=20, help="steps that our search goes on once it is there (default 20)")
    return made


def options(given: argparse.Namespace) -> Options:
    """The options as parsed; --quick shortens what is long."""
    values = {field.name: getattr(given, field.name) for field in fields(Options)}
    values["search"] = settings_given(given.search)
    values["course_search"] = settings_given(given.course_search)
    # Absolute, since the programs that are watched run in a folder of their own.
    values |= {name: values[name].resolve() for name in ("content", "style")}
    if given.quick:
        values |= {"repetitions": min(given.repetitions, 2), "race_size": 64, "race_iterations": 5, "steps_beyond": 1}
        values |= {"last_iterations": 40, "races": min(given.races, 1)}
    return Options(**values)


def settings_given(pairs: Sequence[str]) -> dict[str, str | None]:
    """{"levels": None, "optimizer": "lbfgs"} of ["levels=none", "optimizer=lbfgs"]."""
    given: dict[str, str | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if equals == "" or name == "":
            raise SystemExit(f"write a setting as NAME=VALUE, not {pair!r}")
        given[name] = None if value == "none" else value
    return given


def run_alone(description: str | None, measure: Callable[[Options], Raw], text: Callable[[Raw], str]) -> None:
    """A part as a program: measures, prints its table, and writes both where --json says."""
    arguments = parser(description)
    arguments.add_argument("--json", type=Path, help="write the raw numbers and the table there")
    given = arguments.parse_args()
    raw = measure(options(given))
    table = text(raw)
    print(table)
    if given.json is not None:
        given.json.write_text(json.dumps({"raw": raw, "table": table}, ensure_ascii=False), "utf-8")
