"""The picture of docs/regions.md: a sky in one style and the rest in another, and a mask that protects."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import impasto
from impasto.images import write

HERE = Path(__file__).parent


def main(size: int = 256, target: Path = Path("output/regions.jpg"), **settings: Any) -> Path:
    """Makes two pictures of that size, and puts them side by side."""
    photo, flow, mosaic = HERE / "photos" / "temple.jpg", HERE / "styles" / "flow.jpg", HERE / "styles" / "mosaic.jpg"
    # Masks are pictures of any size; these go softly from left to right, and are round.
    across = np.linspace(-1, 1, 64)[None, :].repeat(64, 0)
    left = (255 / (1 + np.exp(12 * across))).astype(np.uint8)
    round_ = (255 * (across**2 + across.T**2 > 0.6)).astype(np.uint8)
    made = [
        impasto.stylize(photo, [flow, mosaic], masks=[left, 255 - left], size=size, **settings).rgb,
        impasto.stylize(photo, flow, masks=[round_], size=size, **settings).rgb,
    ]
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat(made, 2), quality=85, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
