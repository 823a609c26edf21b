"""How fast the machine convolves right now: GFLOP/s of one direct convolution of PyTorch, as JSON.

Needs nothing but torch, so that any environment can run it: `PYTHON benchmarks/pace.py`.  Asked before and after each side of a
race, it tells whether the machine was as fast for both, and whether their releases of torch are.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import torch
import torch.nn.functional as F


def gflops(height: int, width: int, *, channels: int = 128, repetitions: int = 9) -> float:
    """The median rate of a 3×3 convolution from and to so many channels, float32, channels last."""
    x = torch.randn(1, channels, height, width).contiguous(memory_format=torch.channels_last)
    kernel = torch.randn(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    seconds = []
    with torch.no_grad():
        for _ in range(repetitions + 2):
            begun = time.perf_counter()
            F.conv2d(x, kernel, padding=1)
            seconds.append(time.perf_counter() - begun)
    return 2 * 9 * channels**2 * height * width / median(seconds[2:]) / 1e9


def main() -> None:
    """Prints the pace and what it was measured with; `quick` as an argument makes it tiny."""
    height, width = (24, 32) if "quick" in sys.argv[1:] else (192, 256)
    facts = {
        "gflops": gflops(height, width),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
