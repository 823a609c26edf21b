"""How long J and its gradient take: of each precision, and of other checkouts, `python -m benchmarks.evaluation`.

    python -m benchmarks.evaluation --sizes 128x85 512x384 --against ../older-checkout   # with its libraries built

Each takes its turn in a process of its own, round by round, so that a slow moment of the machine falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.machine import describe, text
from benchmarks.options import ROOT
from benchmarks.table import markdown, number

ONE: Final = """
import json, sys, time
import torch
from impasto import presets
from impasto.evaluate import Whole
from impasto.evaluate.allocator import keep_freed_memory
from impasto.images import read, resize
from impasto.objective import build
from impasto.vgg import load, precision

keep_freed_memory()
content, style, name, count, *sizes = sys.argv[1:]
settings = presets.resolve({"device": "cpu"})
vgg = precision.network(load("vgg19").weights, name, pooling=settings.pooling, device=torch.device("cpu"))
found = {}
for text in sizes:
    size = tuple(map(int, text.split("x")))[::-1]
    rgb = resize(read(content).rgb[None], size)
    evaluate = Whole(vgg, build(settings, vgg, rgb, [resize(read(style).rgb[None], size)]))
    evaluate(rgb)
    found[text] = []
    for _ in range(int(count)):
        begun = time.perf_counter()
        evaluate(rgb)
        found[text].append(time.perf_counter() - begun)
print(json.dumps(found))
"""


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["128x85", "256x171", "512x384", "1024x768"])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--against", nargs="*", default=[], type=Path, help="other checkouts, in float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=7, help="evaluations a round")
    given = parser.parse_args()
    ways = [(name, ROOT, name) for name in given.precisions]
    ways += [(commit(folder), folder.absolute(), "float32") for folder in given.against]
    seconds: dict[str, dict[str, list[float]]] = {label: {size: [] for size in given.sizes} for label, _, _ in ways}
    for _ in range(given.rounds):
        for label, folder, precision in ways:
            for size, times in once(folder, precision, given.count, given.sizes).items():
                seconds[label][size] += times
    first = seconds[ways[0][0]]
    rows = []
    for size in given.sizes:
        row = [size, number(1e3 * median(first[size]))]
        for label, _, _ in ways[1:]:
            row += [number(1e3 * median(seconds[label][size])), number(median(seconds[label][size]) / median(first[size]))]
        rows.append(row)
    head = ["picture", f"{ways[0][0]}, ms", *(cell for label, _, _ in ways[1:] for cell in (f"{label}, ms", "÷ first"))]
    print(f"# J and its gradient\n\n{text(describe())}\n\n{markdown(head, rows)}")


def commit(folder: Path) -> str:
    """Its name, for the table."""
    command = ["git", "-C", str(folder), "rev-parse", "--short=10", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def once(folder: Path, precision: str, count: int, sizes: list[str]) -> dict[str, list[float]]:
    """Seconds by size, of the package in a checkout."""
    content, style = ROOT / "examples/photos/temple.jpg", ROOT / "examples/styles/flow.jpg"
    command = [sys.executable, "-c", ONE, str(content), str(style), precision, str(count), *sizes]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=folder)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
