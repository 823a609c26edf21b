"""What tiles cost: an evaluation in tiles of about 1,024 px against the whole one, at 2,048 px, in the same run.

    python -m benchmarks.tiles [LONG_SIDE [TILE_PX]]

Both are timed in turn, and the medians compared, and their values and gradients; goal: at most 1.35 times the whole.  What lies
behind a layer is kept from the first pass to the second where the memory plan lets it, and is not gone through again then.  One
tile is the whole picture, recomputed.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.pictures import pixels
from benchmarks.table import markdown, number
from benchmarks.timing import timed
from impasto import presets
from impasto.evaluate import Evaluator, Tiled, TiledSurvey, Whole
from impasto.evaluate.geometry import overhead, tiles
from impasto.images import resize
from impasto.objective import build
from impasto.vgg import load

EXAMPLES: Final = Path(__file__).parent.parent / "examples"
GOAL: Final = 1.35
ROUNDS: Final = 3
MANY_ROUNDS_UNTIL: Final = 3000


def main() -> int:
    """The table; 1 where no variant reaches the goal."""
    side, tile_px = (int(value) for value in (*sys.argv[1:], *("2048", "1024")[len(sys.argv) - 1 :]))
    size = (side * 3 // 4, side)
    vgg, settings = load("vgg19"), presets.resolve({})
    content, style = (resize(pixels(EXAMPLES / name), size) for name in ("photos/temple.jpg", "styles/flow.jpg"))
    x = (content + style) / 2
    layers = tuple(dict.fromkeys([*settings.content_layers, *settings.style_layers]))
    goal = build(settings, vgg, content, [style], survey=TiledSurvey(tile_px, layers))
    path = vgg.path(layers)
    count = len(tiles(size, tile_px, vgg.architecture, path))
    ways: dict[str, Evaluator] = {"whole": Whole(vgg, goal)}
    for kept_from in (None, "conv4_1", "conv3_1", "conv2_1"):
        words = "nothing kept" if kept_from is None else f"recomputed to {kept_from}"
        ways[f"{count} tiles, {words}"] = Tiled(vgg, goal, tile_px, kept_from)
    ways["one tile, recomputed to conv2_1"] = Tiled(vgg, goal, side, "conv2_1")
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    errors: dict[str, str] = {}
    for _ in range(ROUNDS if side <= MANY_ROUNDS_UNTIL else 1):
        first = None
        for name, evaluate in ways.items():
            took, found = timed(partial(evaluate, x))
            seconds[name].append(took)
            if first is None:
                first = found
            else:
                error = (found.gradient - first.gradient).norm() / first.gradient.norm()
                errors[name] = f"{abs(found.value / first.value - 1):.1e}, {float(error):.1e}"
    whole = median(seconds["whole"])
    print(f"{size[1]}x{size[0]} px, windows {overhead(size, tile_px, vgg.architecture, path):.3f} times the picture's pixels")
    middle = {name: median(found) for name, found in seconds.items()}
    rows = [[name, number(value, 2), f"{value / whole:.2f}", errors.get(name, "")] for name, value in middle.items()]
    print(markdown(["evaluation", "s, median", "÷ whole", "J, gradient: relative difference"], rows))
    best = min(value for name, value in middle.items() if name.startswith(f"{count} ")) / whole
    print(f"best {best:.2f} ({'reaches' if best <= GOAL else 'misses'} the goal of {GOAL})")
    return int(best > GOAL)


if __name__ == "__main__":
    sys.exit(main())
