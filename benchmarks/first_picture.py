"""The first picture: seconds from the command to a finished picture of 256 px, as somebody who has just installed it has it.

`impasto stylize PHOTO PAINTING --size 256` with its defaults as a new process, from its start to its end, picture and manifest
written.  On the way: when its first step is reported (its line on standard error, which holds start-up, reading, the forecast and
the targets), and what the command alone costs (`impasto --version`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.options import ROOT, Options, Raw, run_alone
from benchmarks.race import environment_for
from benchmarks.table import markdown, number
from benchmarks.timing import spread, timed

SIZE: Final = 256
QUICK_SIZE: Final = 48
MOST_TIMES: Final = 3


def measure(options: Options) -> Raw:
    """The command, as often as is asked for."""
    size = QUICK_SIZE if options.quick else SIZE
    more = ["--iterations", "2", "--levels", "1"] if options.quick else []
    times = 1 if options.quick else min(options.repetitions, MOST_TIMES)
    return {"size": size, "runs": [once(options, size, more) for _ in range(times)]}


def once(options: Options, size: int, more: list[str]) -> dict[str, float | None]:
    """Seconds of the command alone, to the first step (None if it was not reported), to the end."""
    impasto = [sys.executable, "-m", "impasto"]
    alone, _ = timed(lambda: subprocess.run([*impasto, "--version"], cwd=ROOT, check=True, capture_output=True))
    first: float | None = None
    with tempfile.TemporaryDirectory() as place:
        picture = Path(place) / "first.png"
        command = [*impasto, "stylize", str(options.content), str(options.style), "-o", str(picture), "--size", str(size), *more]
        begun = time.perf_counter()
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment_for(ROOT),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as process:
            said = []
            for line in process.stderr or ():
                said.append(line)
                if first is None and re.search(r"\bstep 0/\d", line):
                    first = time.perf_counter() - begun
        finished = time.perf_counter() - begun
        if process.returncode != 0 or not picture.exists():
            raise SystemExit(f"impasto stylize ended with code {process.returncode} and said:\n{''.join(said[-20:])}")
    return {"command": alone, "first_step": first, "finished": finished}


def text(raw: Raw) -> str:
    """Three lines."""
    rows = []
    for name, title in (
        ("command", "`impasto --version`"),
        ("first_step", "to the first step"),
        ("finished", f"**to the finished {raw['size']} px picture**"),
    ):
        found = spread([run[name] for run in raw["runs"] if run[name] is not None])
        rows.append([title, number(found["median"]), f"{found['p10']:.2f}–{found['p90']:.2f}"])
    head = ["seconds", f"median of {len(raw['runs'])}", "10th to 90th percentile"]
    return "\n".join(["### (e) First picture, default preset\n", markdown(head, rows), ""])


if __name__ == "__main__":
    run_alone(__doc__, measure, text)
