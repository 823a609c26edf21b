"""What a very large picture takes on its way in and out: seconds, and the peak memory of the whole process.

    python benchmarks/files.py                     # 16,384×12,288 px, 8 bits; about six minutes, 4 GB of memory, 1.5 GB of disk
    python benchmarks/files.py --size 1024x768

Each line is a process of its own.  Seconds are those of the call alone; the peak holds Python, PyTorch and the libraries too,
which the first line shows by themselves, and for writing the picture in float32, which stands in the line "a picture to write".
Law: reading stays within 2.5 times the integer pixels, beyond the file's bytes and what the libraries take.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
KINDS: Final = ("png", "tif", "jpg")


def a_picture(size: tuple[int, int]) -> Any:
    """[3, H, W], 0..1: waves of many lengths under a little noise, about as hard to compress as a photograph."""
    import torch

    height, width = size
    rgb = torch.empty(3, height, width)
    noise = torch.randn(3, min(256, height), width, generator=torch.Generator().manual_seed(0)).mul_(0.008)
    x = torch.linspace(0, 1, width)
    for top in range(0, height, noise.shape[1]):
        rows = slice(top, min(top + noise.shape[1], height))
        y = torch.arange(rows.start, rows.stop)[:, None] / height
        wave = torch.sin(9 * x + 5 * y) + torch.sin(70 * x * y) / 2 + torch.sin(900 * x - 700 * y) / 9
        for channel in range(3):
            rgb[channel, rows] = (
                (0.5 + 0.2 * wave.roll(channel * width // 5, 1)).add_(noise[channel, : wave.shape[0]]).clamp_(0, 1)
            )
    return rgb


def prepared(task: str, size: tuple[int, int], folder: Path) -> Callable[[], object]:
    """What is timed; everything before it is not."""
    from impasto.images import read, write

    what, _, more = task.partition(" ")
    if what == "write":
        rgb = a_picture(size)
        return lambda: write(folder / f"picture.{more}", rgb, overwrite=True)
    if what == "read":
        return lambda: read(folder / f"picture.{more}")
    if what == "at":
        picture = read(folder / "picture.jpg")
        wanted = size if more == "full" else (round(size[0] * int(more) / size[1]), int(more))
        return lambda: picture.at(wanted)
    if what == "hold":
        a_picture(size)
    return lambda: None


def one(task: str, size: tuple[int, int], folder: Path) -> None:
    """In its own process: the task, then its seconds on stdout."""
    import imagecodecs  # noqa: F401 - loaded by the first deep file; here, so that it counts in every line
    import tifffile  # noqa: F401

    call = prepared(task, size, folder)
    begun = time.perf_counter()
    call()
    print(json.dumps({"seconds": time.perf_counter() - begun}))


def table(size: tuple[int, int], folder: Path) -> str:
    """All tasks, each in its own process, as a table."""
    from benchmarks.peak_memory import peak
    from benchmarks.table import markdown, number

    tasks = {"nothing": "nothing", "hold": "a picture to write, float32"}
    tasks |= {f"write {kind}": f"write {kind.upper()}" for kind in KINDS}
    tasks |= {f"read {kind}": f"read {kind.upper()}" for kind in KINDS}
    tasks |= {"at 1024": "read JPG, then `.at` 1,024 px wide", "at full": "read JPG, then `.at` the full size"}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])}
    rows = []
    for task, title in tasks.items():
        command: list[str | Path] = [
            sys.executable,
            __file__,
            "--size",
            f"{size[1]}x{size[0]}",
            "--task",
            task,
            "--folder",
            folder,
        ]
        done = peak(command, folder=ROOT, environment=environment)
        seconds = json.loads(done.stdout)["seconds"]
        kind = task.split()[-1]
        file_mib = (folder / f"picture.{kind}").stat().st_size / 2**20 if kind in KINDS else None
        timed = number(seconds, 1) if task not in {"nothing", "hold"} else number(None)
        rows.append([title, timed, number(done.rss_bytes / 2**20, 0), number(file_mib, 0)])
        print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    mib = size[0] * size[1] * 3 / 2**20
    head = f"{size[1]:,}×{size[0]:,} px, 8 bits: {mib:,.0f} MiB of integer pixels, {4 * mib:,.0f} MiB in float32.\n\n"
    return head + markdown(["", "s", "peak MiB", "file MiB"], rows)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="16384x12288", metavar="WxH")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    width, height = (int(side) for side in given.size.split("x"))
    if given.task is not None:
        one(given.task, (height, width), given.folder)
        return
    with tempfile.TemporaryDirectory() as place:
        print(table((height, width), Path(place)))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
