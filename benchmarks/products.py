"""The products that Gram matrices are made of, by PyTorch's matrix products and by ours: `python -m benchmarks.products`.

Both in one run, alternating, at the layers of pictures of 512×384 px and 128×85 px: Σ f fᵀ, and M·f added to a gradient.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Final

import torch
from torch import Tensor

from benchmarks.machine import describe, text
from benchmarks.table import markdown, number
from impasto.evaluate.allocator import keep_freed_memory
from impasto.losses import gram, products

LAYERS: Final = ((64, 384, 512), (128, 192, 256), (256, 96, 128), (512, 48, 64), (512, 24, 32), (64, 85, 128), (512, 10, 16))
ROUNDS: Final = 3
UNCOUNTED: Final = 5
REPETITIONS: Final = 10


def main() -> None:
    """Measures and prints a table."""
    keep_freed_memory()
    rows = []
    for channels, height, width in LAYERS:
        torch.manual_seed(0)
        features = torch.randn(1, channels, height, width).contiguous(memory_format=torch.channels_last)
        matrix, into = torch.randn(channels, channels), torch.zeros_like(features)
        flat, sums = features[0].permute(1, 2, 0).flatten(0, 1), into[0].permute(1, 2, 0).flatten(0, 1)
        there = against(lambda flat=flat: flat.T @ flat, lambda features=features: products.outer_sum(features))  # type: ignore[misc]
        back = against(
            lambda flat=flat, sums=sums, matrix=matrix: sums.addmm_(flat, matrix),  # type: ignore[misc]
            lambda features=features, matrix=matrix, into=into: gram.pull_gram(features, matrix, into, None),  # type: ignore[misc]
        )
        gflop = 2e-9 * channels**2 * height * width
        cells = [f"{channels} × {height}×{width}"]
        for product, ours in (there, back):
            cells += [
                number(1e3 * product),
                number(1e3 * ours),
                number(gflop / ours),
                number(product / ours),
            ]
        rows.append(cells)
    head = [
        "layer",
        "Σ f fᵀ: PyTorch's, ms",
        "ours, ms",
        "GFLOP/s",
        "ratio",
        "M·f: PyTorch's, ms",
        "ours, ms",
        "GFLOP/s",
        "ratio",
    ]
    print(f"# Products of features, {torch.get_num_threads()} threads\n\n{text(describe())}\n\n{markdown(head, rows)}")


def against(one: Callable[[], Tensor], other: Callable[[], Tensor]) -> tuple[float, float]:
    """Median seconds of both, by turns of several: PyTorch's threads spin for a while after their work, on the other's cores."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, times in zip((one, other), seconds, strict=True):
            for repetition in range(UNCOUNTED + REPETITIONS):
                begun = time.perf_counter()
                work()
                if repetition >= UNCOUNTED:
                    times.append(time.perf_counter() - begun)
    return median(seconds[0]), median(seconds[1])


if __name__ == "__main__":
    main()
