"""A batch of four photographs by four styles against as many `impasto stylize` commands, and how many pictures at a time pay.

`python -m benchmarks.batch`: in one run on one machine, alternating; every program starts from nothing with a cache of styles of
its own, so that neither finds what the other measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import describe, text
from benchmarks.options import ROOT
from benchmarks.table import markdown, number

CONTENTS = ("cat", "coffee", "portrait", "temple")
STYLES = ("flow", "waves", "glass", "mosaic")


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=4, help="photographs and styles of each kind (default 4)")
    parser.add_argument("--workers", default="2,1", help="batches to measure, by workers (default 2,1)")
    parser.add_argument("--iterations", type=int, help="at each level (default: the preset's)")
    given = parser.parse_args()
    options = ["--size", str(given.size), *([] if given.iterations is None else ["--iterations", str(given.iterations)])]
    contents = [ROOT / "examples" / "photos" / f"{name}.jpg" for name in CONTENTS[: given.count]]
    styles = [ROOT / "examples" / "styles" / f"{name}.jpg" for name in STYLES[: given.count]]
    alone = commands(contents, styles, options)
    rows = [["`impasto stylize`, one after another", number(alone, 4), "1"]]
    for workers in map(int, given.workers.split(",")):
        seconds = batch(contents, styles, options, workers)
        rows.append([f"`impasto batch --workers {workers}`", number(seconds, 4), number(seconds / alone, 3)])
    print(f"# {len(contents)} photographs by {len(styles)} styles at {given.size} px\n\n{text(describe())}\n")
    print(markdown(["", "seconds", "ratio"], rows))


def commands(contents: Sequence[Path], styles: Sequence[Path], options: Sequence[str]) -> float:
    """Seconds of a command a picture."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        for content in contents:
            for style in styles:
                out = Path(folder) / f"{content.stem}_{style.stem}.png"
                run(["stylize", str(content), str(style), "-o", str(out), "-q", *options], Path(folder))
        return time.perf_counter() - begun


def batch(contents: Sequence[Path], styles: Sequence[Path], options: Sequence[str], workers: int) -> float:
    """Seconds of one batch of them."""
    with tempfile.TemporaryDirectory() as folder:
        for role, paths in (("contents", contents), ("styles", styles)):
            (Path(folder) / role).mkdir()
            for path in paths:
                (Path(folder) / role / path.name).write_bytes(path.read_bytes())
        begun = time.perf_counter()
        where = [f"{folder}/contents", f"{folder}/styles", "-o", f"{folder}/out"]
        run(["batch", *where, "--workers", str(workers), "-q", *options], Path(folder))
        return time.perf_counter() - begun


def run(arguments: Sequence[str], folder: Path) -> None:
    """One command, to its end."""
    environment = {**os.environ, "IMPASTO_CACHE": str(folder / "cache")}
    subprocess.run([sys.executable, "-m", "impasto", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
