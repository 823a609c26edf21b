"""Peak memory per megapixel of both programs, each run as its own program with the same pictures.

Memory has two parts that add.  What a step needs: from runs of three iterations at two sizes, the difference in memory over
the difference in pixels, which leaves out what does not depend on size (Python, PyTorch, the network, the classifier that the
peer makes and drops).  And L-BFGS's history, which fills only as it goes: from a run at the smaller size with as many iterations
as fill it, less the one of three iterations, over the same pixels.  The run that fills it is the whole program, so a checkpoint
that impasto writes on the way counts too.  Both with the peer's history of 100 pairs, and impasto also with its own default.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks import peer_environment
from benchmarks.options import Options, Raw, run_alone
from benchmarks.peak_memory import peak
from benchmarks.pictures import pair, pixels
from benchmarks.race import environment_for
from benchmarks.table import markdown, number, ratio
from impasto import presets
from impasto.vgg import weights as networks

TINY_PX: Final = 64
"""So small that its peak is what size does not change; a slope says nothing where a larger picture peaks no higher."""

SIZES: Final = (512, 1024)
QUICK_SIZES: Final = (72, 96)
FEW: Final = 3
PEER_HISTORY: Final = 100


def measure(options: Options) -> Raw:
    """All runs of both programs, in turn."""
    environment = None if options.peer == "none" else peer_environment.environment(options.peer)
    small, large = QUICK_SIZES if options.quick else SIZES
    many = FEW + 2 if options.quick else PEER_HISTORY + 2
    own = presets.resolve({}).lbfgs_history
    raw: Raw = {"history": PEER_HISTORY, "own_history": own, "sizes": {}, "runs": []}
    with tempfile.TemporaryDirectory() as place:
        for long_side in (TINY_PX, small, large):
            folder = Path(place) / str(long_side)
            folder.mkdir()
            content, _ = pair(options.content, options.style, long_side, folder)
            raw["sizes"][str(long_side)] = pixels(content).shape[2] * pixels(content).shape[3]
            if environment is not None:
                peer_environment.save_model(networks.load("vgg19"), folder)
        for long_side, iterations, kind in (
            (TINY_PX, FEW, "few"),
            (small, FEW, "few"),
            (large, FEW, "few"),
            (small, many, "many"),
        ):
            folder = Path(place) / str(long_side)
            if environment is not None:
                line = peer_environment.command(environment, long_side=long_side, iterations=iterations)
                raw["runs"].append(one("peer", line, folder, kind=kind))
            command = ours(long_side, iterations, ["--preset", "neural-style", "--lbfgs-history", str(PEER_HISTORY)])
            raw["runs"].append(one("same", command, folder, kind=kind))
            fill = iterations if kind == "few" or options.quick else own + 2
            raw["runs"].append(one("own", ours(long_side, fill, []), folder, kind=kind))
    return raw


def ours(long_side: int, iterations: int, settings: list[str]) -> list[str]:
    """Our command line at one size, on the CPU."""
    line = [sys.executable, "-m", "impasto", "stylize", "content.png", "style.png", "-o", "ours.png", "--overwrite", "--quiet"]
    return [*line, "--size", str(long_side), "--levels", "1", "--iterations", str(iterations), "--device", "cpu", *settings]


def one(who: str, command: list[str], folder: Path, *, kind: str) -> Raw:
    """One run in the folder of its size; `kind`: few or many iterations."""
    environment = environment_for(folder) if who == "peer" else dict(os.environ)
    done = peak(command, folder=folder, environment=environment)
    return {"who": who, "long_side": int(folder.name), "kind": kind, "peak_bytes": done.rss_bytes}


def text(raw: Raw) -> str:
    """One column a program."""
    _, small, large = (int(size) for size in raw["sizes"])
    pixels_small: float = raw["sizes"][str(small)]
    pixels_large: float = raw["sizes"][str(large)]
    peaks: dict[tuple[str, int, str], float] = {
        (run["who"], run["long_side"], run["kind"]): run["peak_bytes"] / 2**20 for run in raw["runs"]
    }

    def row(title: str, mib: Callable[[str], float]) -> list[str]:
        values = {who: mib(who) if (who, small, "few") in peaks else None for who in ("peer", "same", "own")}
        return [title, *(number(found, 0) for found in values.values()), ratio(values["peer"], values["same"])]

    def step(who: str) -> float:
        return 1e6 * (peaks[who, large, "few"] - peaks[who, small, "few"]) / (pixels_large - pixels_small)

    def history(who: str) -> float:
        return 1e6 * (peaks[who, small, "many"] - peaks[who, small, "few"]) / pixels_small

    rows = [
        row("**MiB a megapixel, history full**", lambda who: step(who) + history(who)),
        row("… a step", step),
        row("… L-BFGS's history", history),
        row(f"peak at {TINY_PX} px: what size does not change, MiB", lambda who: peaks[who, TINY_PX, "few"]),
        row(f"peak at {small} px, {FEW} iterations, MiB", lambda who: peaks[who, small, "few"]),
        row(f"peak at {large} px, {FEW} iterations, MiB", lambda who: peaks[who, large, "few"]),
        row(f"peak at {small} px, history full, MiB", lambda who: peaks[who, small, "many"]),
    ]
    head = [
        "",
        f"neural-style-pt, {raw['history']} pairs (its default)",
        f"impasto, preset neural-style, {raw['history']} pairs",
        f"impasto, default preset, {raw['own_history']} pairs",
        f"peer ÷ ours at {raw['history']} pairs",
    ]
    names = {"peer": "neural-style-pt", "same": "impasto, preset neural-style", "own": "impasto, default preset"}
    hidden = [names[who] for who, side, kind in peaks if (side, kind) == (small, "few") and no_higher(peaks, who, small)]
    warning = f"\n**What starting takes hides what {small} px take, so the slopes are too low: {', '.join(hidden)}.**\n"
    return "\n".join(["### (c) Peak memory\n", markdown(head, rows), warning if hidden else ""])


def no_higher(peaks: Mapping[tuple[str, int, str], float], who: str, small: int) -> bool:
    """Whether the smaller size peaks no higher than a tiny picture."""
    return peaks[who, small, "few"] < 1.05 * peaks[who, TINY_PX, "few"]


if __name__ == "__main__":
    run_alone(__doc__, measure, text)
