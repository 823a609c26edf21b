"""The picture of docs/color.md: one photograph and one style, with each way of colouring, the last within a mask, too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import impasto
from impasto.images import write

HERE = Path(__file__).parent


def main(size: int = 256, target: Path = Path("output/color.jpg"), **settings: Any) -> Path:
    """Makes five pictures of that size, and puts them side by side."""
    photo, flow = HERE / "photos" / "coffee.jpg", HERE / "styles" / "flow.jpg"
    made = [
        impasto.stylize(photo, flow, size=size, color=color, **settings).rgb
        for color in ("style", "match", "luminance", "content")
    ]
    across = np.linspace(-1, 1, 64)[None, :].repeat(64, 0)
    cup = (255 * (across**2 + across.T**2 < 0.4)).astype(np.uint8)
    made.append(impasto.stylize(photo, flow, size=size, color="content", color_mask=cup, **settings).rgb)
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat(made, 2), quality=80, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
