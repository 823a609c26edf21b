"""The picture of docs/styles.md: strokes of two sizes, two styles blended in two ways, a texture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

import impasto
from impasto.images import write

HERE = Path(__file__).parent


def main(size: int = 256, target: Path = Path("output/styles.jpg"), **settings: Any) -> Path:
    """Makes six pictures of that size, and puts them side by side, three above and three below."""
    photo, flow, mosaic = HERE / "photos" / "cat.jpg", HERE / "styles" / "flow.jpg", HERE / "styles" / "mosaic.jpg"
    made = [
        impasto.stylize(photo, flow, size=size, **settings),
        impasto.stylize(photo, flow, size=size, style_scale=0.4, **settings),
        impasto.stylize(photo, [flow, mosaic], size=size, style_weights=(1, 1), **settings),
        impasto.stylize(photo, [flow, mosaic], size=size, style_strokes=("fine", "coarse"), **settings),
        impasto.stylize(photo, [flow, mosaic], size=size, style_strokes=("coarse", "fine"), **settings),
    ]
    height, width = made[0].rgb.shape[1:]
    made.append(impasto.stylize(flow, flow, size=(width, height), init="noise", content_weight=0, **settings))
    target.parent.mkdir(exist_ok=True)
    above, below = (torch.cat([result.rgb for result in row], 2) for row in (made[:3], made[3:]))
    return write(target, torch.cat([above, below], 1), quality=80, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
