"""The picture of docs/regions.md on borders: two styles that meet in the middle, with each way of guiding them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import impasto
from impasto.images import write

HERE = Path(__file__).parent


def main(size: int = 256, target: Path = Path("output/guides.jpg"), **settings: Any) -> Path:
    """Makes three pictures of that size, and puts them side by side."""
    photo, one, two = HERE / "photos" / "portrait.jpg", HERE / "styles" / "waves.jpg", HERE / "styles" / "mosaic.jpg"
    left = np.zeros((64, 64), np.uint8)
    left[:, :32] = 255
    made = [
        impasto.stylize(photo, [one, two], masks=[left, 255 - left], guides=guides, size=size, **settings).rgb
        for guides in ("mean", "inside", "overlap")
    ]
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat(made, 2), quality=85, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
