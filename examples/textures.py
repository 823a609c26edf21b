"""The picture of docs/texture.md: a style, a texture, one that is tileable laid two by two, small; what three layers keep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

import impasto
from impasto.images import read, resize, write

HERE = Path(__file__).parent


def main(size: int = 256, target: Path = Path("output/textures.jpg"), **settings: Any) -> Path:
    """Three squares of that size above, and three below, side by side."""
    style, photo = HERE / "styles" / "waves.jpg", HERE / "photos" / "portrait.jpg"
    noise: dict[str, Any] = {"init": "noise", **settings}
    alone = {"content_weight": 0, **noise}
    side = size // 16 * 16
    tile = impasto.stylize(style, style, size=(side, side), tileable=True, **alone).rgb
    above = [
        _square(read(style).at((size * 3 // 4, size))[0], size),
        impasto.stylize(style, style, size=(size, size), **alone).rgb,
        resize(tile.repeat(1, 2, 2)[None], (size, size))[0],
    ]
    kept: dict[str, Any] = {"content_weight": 1, "style_weight": 0, "variation_weight": 0}
    below = [
        impasto.stylize(photo, photo, size=(size, size), **{**noise, **kept, "content_layers": layer}).rgb
        for layer in ("conv1_2", "conv3_2", "conv5_2")
    ]
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat([torch.cat(above, 2), torch.cat(below, 2)], 1), quality=85, overwrite=True)


def _square(rgb: torch.Tensor, size: int) -> torch.Tensor:
    """[3, H, W] on a white square."""
    return torch.nn.functional.pad(rgb, (0, size - rgb.shape[2], 0, size - rgb.shape[1]), value=1.0)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
