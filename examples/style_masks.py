"""The picture of docs/regions.md about the style's side: what a photograph learns from parts of a painting."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import impasto
from impasto.images import read, write

HERE = Path(__file__).parent


def main(size: int = 256, target: Path = Path("output/style_masks.jpg"), **settings: Any) -> Path:
    """Makes three pictures of that size, and puts them beside the style."""
    photo, waves = HERE / "photos" / "coffee.jpg", HERE / "styles" / "waves.jpg"
    upper = np.zeros((64, 64), np.uint8)
    upper[:28] = 255
    made = [
        impasto.stylize(photo, waves, size=size, **settings).rgb,
        impasto.stylize(photo, waves, style_masks=[upper], size=size, **settings).rgb,
        impasto.stylize(photo, waves, style_masks=[255 - upper], size=size, **settings).rgb,
    ]
    height, width = made[0].shape[1:]
    style = read(waves).at((height, width))[0]
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat([style, *made], 2), quality=80, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
