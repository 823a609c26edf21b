"""What many processes would give at a size, computed from what was measured of one: seconds a step, and what goes over the wire.

    seconds = compute + bytes / bandwidth + sums · latency

- compute: the picture's pixels over the processes, times seconds a pixel; times (own rows + 2 margins) / own rows, since margins
  are computed twice; times what a second way forward costs, where not all tiles can be kept from pass to pass
- bytes that an inner process sends: margins to two neighbours, there and their gradients back; statistics, by a ring; the
  spectrum of L-BFGS's metric, a band three times (twice for P·g, once for yᵀ·P·y)
- sums: two a pair of the history, and a few

Inputs are arguments; docs/sharded.md says which of them were measured.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

from impasto.evaluate.geometry import margin_px
from impasto.vgg.architecture import VGG19

LAYERS: Final = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1")
STYLE: Final = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
FORWARD: Final = 0.45
"""Of a step's network time the way forward (docs/performance.md: 325 of 715 ms)."""
OTHER_SUMS: Final = 8


@dataclass(frozen=True)
class Projection:
    """One step of so many processes on a picture of `size` (height, width)."""

    size: tuple[int, int]
    processes: int
    pixel_s: float
    bandwidth: float
    latency_s: float
    history: int
    metric: bool
    kept: bool

    @property
    def compute_s(self) -> float:
        """Seconds of one process's own work."""
        height, width = self.size
        own = height / self.processes
        margin = margin_px(VGG19, LAYERS)
        sides = 0 if self.processes == 1 else 1 if self.processes == 2 else 2
        return own * width * self.pixel_s * (own + sides * margin) / own * (1 if self.kept else 1 + FORWARD)

    @property
    def sent(self) -> dict[str, float]:
        """Bytes that an inner process sends a step."""
        height, width = self.size
        others = (self.processes - 1) / self.processes
        sides = min(2, self.processes - 1)
        band = 12 * height * width / self.processes
        return {
            "margins": 2 * sides * 12 * width * margin_px(VGG19, LAYERS),
            "statistics": 2 * others * 8 * sum(VGG19.channels(layer) ** 2 for layer in STYLE),
            "spectrum": 3 * band * others if self.metric else 0.0,
        }

    @property
    def wire_s(self) -> float:
        """Seconds on the wire."""
        sums = 0 if self.processes == 1 else 2 * self.history + OTHER_SUMS
        return sum(self.sent.values()) / self.bandwidth + sums * self.latency_s

    @property
    def history_bytes(self) -> float:
        """Of L-BFGS's vectors, in each process."""
        height, width = self.size
        return (2 * self.history + 8) * 12 * height * width / self.processes


def main() -> None:
    """Prints the table for 1 and for so many processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(12288, 16384), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--megapixel-s", type=float, required=True, help="seconds of a step a megapixel, in one process")
    parser.add_argument("--bandwidth", type=float, required=True, help="bytes a second that a process sends while it receives")
    parser.add_argument("--latency-s", type=float, required=True, help="seconds of a sum of one number over all")
    parser.add_argument("--history", type=int, default=10)
    parser.add_argument("--no-metric", action="store_true", help="--lbfgs-metric 0")
    parser.add_argument("--kept", action="store_true", help="memory holds the whole band from pass to pass")
    arguments = parser.parse_args()
    single = 0.0
    print("processes | compute s | wire s | step s | times one | margins MB | statistics MB | spectrum MB | history GB each")
    for processes in arguments.processes:
        one = Projection(
            tuple(arguments.size),
            processes,
            arguments.megapixel_s / 1e6,
            arguments.bandwidth,
            arguments.latency_s,
            arguments.history,
            not arguments.no_metric,
            arguments.kept,
        )
        step = one.compute_s + (one.wire_s if processes > 1 else 0.0)
        single = step if processes == 1 else single
        sent = " | ".join(f"{size / 1e6:,.0f}" for size in one.sent.values())
        gain = f"{single / step:.1f}" if single else "–"
        seconds = " | ".join(f"{part:,.2f}" for part in (one.compute_s, one.wire_s, step))
        print(f"{processes} | {seconds} | {gain} | {sent} | {one.history_bytes / 1e9:,.0f}")


if __name__ == "__main__":
    main()
