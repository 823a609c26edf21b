"""Step time and peak memory at 256, 512, 1,024 and 2,048 px: the cost of a pixel must stay flat.

Each size is a process of its own that makes a run of one level with the default preset and goes through its first steps; the
first one, which also measures the targets, is not counted.  The picture has a margin while it is made, so the cost is given per
pixel of the picture and per pixel that is computed.  These are first steps, so L-BFGS's history is nearly empty: step.py and
memory.py say what it adds.  A size that would not fit into free memory, judged by the two before it, is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from benchmarks.options import ROOT, Options, Raw, run_alone
from benchmarks.peak_memory import peak
from benchmarks.table import markdown, number, ratio
from benchmarks.timing import timed

STEPS: Final = {256: 12, 512: 8, 1024: 5, 2048: 4}
"""Long side in px → steps, the first of which is not counted."""

QUICK_STEPS: Final = {48: 2, 64: 2}
COMPARED_WITH: Final = 512


def measure(options: Options) -> Raw:
    """All sizes, small to large."""
    found: list[Raw] = []
    skipped: dict[str, str] = {}
    for long_side, steps in (QUICK_STEPS if options.quick else STEPS).items():
        need, free = forecast(found, long_side), psutil.virtual_memory().available
        if need is not None and need > free:
            skipped[str(long_side)] = f"would need {need / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free"
            continue
        command = [sys.executable, "-m", "benchmarks.sizes", "--one", long_side, "--steps", steps]
        done = peak(
            [str(part) for part in (*command, "--content", options.content, "--style", options.style)],
            folder=ROOT,
            environment=os.environ,
        )
        found.append({**json.loads(done.stdout.splitlines()[-1]), "peak_bytes": done.rss_bytes})
    return {"sizes": found, "skipped": skipped}


def forecast(found: list[Raw], long_side: int) -> float | None:
    """Bytes that a size will need, on the line through the last two sizes, by pixels; None before there are two."""
    if len(found) < 2:
        return None
    before, last = found[-2:]
    slope = (last["peak_bytes"] - before["peak_bytes"]) / (last["computed"] - before["computed"])
    computed = last["computed"] * (long_side / last["long_side"]) ** 2
    return float(last["peak_bytes"] + slope * (computed - last["computed"]))


def one(content: Path, style: Path, long_side: int, steps: int) -> Raw:
    """The steps at one size, in this process."""
    from impasto import presets
    from impasto.evaluate.allocator import keep_freed_memory
    from impasto.run import gather, prepare

    keep_freed_memory()
    settings = presets.resolve({"size": long_side, "levels": 1, "iterations": max(1, steps - 1), "device": "cpu"})
    run = prepare(settings, gather(str(content), [str(style)], settings))
    seconds = [timed(run.advance)[0] for _ in range(steps)]
    height, width = run.levels[0].size
    margin = 2 * settings.margin
    return {
        "long_side": long_side,
        "size": [height, width],
        "pixels": height * width,
        "computed": (height + margin) * (width + margin),
        "seconds": seconds,
    }


def text(raw: Raw) -> str:
    """One line a size."""
    sizes = raw["sizes"]
    with_it = next((size for size in sizes if size["long_side"] == COMPARED_WITH), sizes[-1])
    rows = []
    for size in sizes:
        step = _step(size)
        rows.append(
            [
                f"{size['size'][1]}×{size['size'][0]}",
                number(step, 3),
                number(1e6 * step / size["pixels"], 3),
                ratio(step / size["pixels"], _step(with_it) / with_it["pixels"]),
                number(1e6 * step / size["computed"], 3),
                ratio(step / size["computed"], _step(with_it) / with_it["computed"]),
                number(size["peak_bytes"] / 2**20, 0),
            ]
        )
    rows += [[f"{long_side} px: {why}", *["–"] * 6] for long_side, why in raw["skipped"].items()]
    against = f"÷ {with_it['long_side']} px"
    head = ["picture", "step, s", "µs a pixel", against, "µs a computed pixel", against, "peak memory, MiB"]
    return "\n".join(["### (d) Cost of a pixel by size, default preset\n", markdown(head, rows), ""])


def _step(size: Raw) -> float:
    counted: list[float] = size["seconds"][1:]
    return median(counted)


def main() -> None:
    """The part, or with --one a single size for it."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--one", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--content", type=Path)
    parser.add_argument("--style", type=Path)
    given: Any = parser.parse_known_args()[0]
    if given.one is None:
        run_alone(__doc__, measure, text)
    else:
        print(json.dumps(one(given.content, given.style, given.one, given.steps)))


if __name__ == "__main__":
    main()
