"""The picture of docs/losses.md: one photograph and one style with each style loss, then with each content loss."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import torch

import impasto
from impasto.images import write

HERE = Path(__file__).parent

STYLE_LOSSES: Final = ("gram", "centered", "moments", "sliced", "histogram", "nearest", "ot")
CONTENT_LOSSES: Final = ("selfsim", "laplacian")
"""Behind all style losses with the content loss `features`, these with the style loss `gram`."""


def main(size: int = 160, target: Path = Path("output/losses.jpg"), **settings: Any) -> Path:
    """Makes nine pictures of that size, and puts them side by side, five above and four below."""
    photo, flow = HERE / "photos" / "temple.jpg", HERE / "styles" / "flow.jpg"
    chosen = [{"style_loss": loss} for loss in STYLE_LOSSES] + [{"content_loss": loss} for loss in CONTENT_LOSSES]
    made = [
        impasto.stylize(photo, flow, **{"size": size, "levels": 2, "iterations": 40, **loss, **settings}).rgb for loss in chosen
    ]
    above, below = torch.cat(made[:5], 2), torch.cat([*made[5:], torch.ones_like(made[0])], 2)
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat([above, below], 1), quality=60, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 160))
