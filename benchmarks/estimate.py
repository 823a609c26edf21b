"""What the memory plan reckons against what a run peaks at, in five sizes: the estimate must be within 15 %.

    python -m benchmarks.estimate                       # 256 to 2,048 px with what is free, 4,096 px with 2 GB
    python -m benchmarks.estimate 1024 2048:800MB       # LONG_SIDE[:MEMORY]

Each size is a process of its own that makes a run of one level as the command does, but stops after a few steps; L-BFGS keeps
as many pairs as these give, so its history is full.  The photograph is enlarged to the size first, so that it is read at it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks.options import ROOT
from benchmarks.peak_memory import peak
from benchmarks.table import markdown, number

CASES: Final = ("256", "512", "1024", "2048", "4096:2GB")
PAIRS: Final = 2
LAW: Final = 0.15


def one(case: str) -> dict[str, Any]:
    """Makes the first steps of a run, and says what was expected before, and what a step took."""
    from impasto import presets
    from impasto.evaluate.allocator import keep_freed_memory
    from impasto.images import read, resize, write
    from impasto.run import Step, gather, prepare
    from impasto.run.forecast import expected_line
    from impasto.run.target import Target
    from impasto.run.to_file import ToFile

    keep_freed_memory()
    side, _, memory = case.partition(":")
    size = (round(int(side) * 3 / 4), int(side))
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        if os.fork() == 0:  # in a process of its own, since the peak of this one is measured
            write(photo, resize(read(ROOT / "examples" / "photos" / "temple.jpg").rgb[None], size)[0])
            os._exit(0)
        os.wait()
        given = {"size": "original", "levels": 1, "iterations": PAIRS + 1, "lbfgs_history": PAIRS, "memory": memory or None}
        settings = presets.resolve(given)
        run = prepare(settings, gather(str(photo), [str(ROOT / "examples" / "styles" / "flow.jpg")], settings))
        line = expected_line(run)
        expected = run.budget.peak_bytes(run.budget.plans)
        times = [time.perf_counter()]

        def note(step: Step) -> None:
            del step
            times.append(time.perf_counter())

        ToFile(run, Target(Path(folder) / "picture.png")).make(on_step=note)
    steps = [after - before for before, after in pairwise(times[1:])]
    return {"line": line, "expected": expected, "seconds": min(steps), "words": run.budget.plans[-1].words}


def main() -> int:
    """The table; 1 where the law does not hold."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2])))
        return 0
    rows, worst = [], 0.0
    for case in sys.argv[1:] or CASES:
        done = peak([sys.executable, "-m", "benchmarks.estimate", "--one", case], folder=ROOT, environment=os.environ)
        found = json.loads(done.stdout.splitlines()[-1])
        error = found["expected"] / done.rss_bytes - 1
        worst = max(worst, abs(error))
        mib = [number(value / 2**20, 0) for value in (found["expected"], done.rss_bytes)]
        rows.append([case, found["words"], *mib, f"{error:+.1%}", number(found["seconds"], 1)])
        print(found["line"], *mib, f"{error:+.1%}", flush=True)
    print(markdown(["size", "plan", "expected, MiB", "peak, MiB", "error", "s a step"], rows))
    print(f"largest error {worst:.1%} ({'holds' if worst <= LAW else 'FAILS'}: {LAW:.0%})")
    return int(worst > LAW)


if __name__ == "__main__":
    sys.exit(main())
