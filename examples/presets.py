"""The picture of docs/presets.md: a portrait with two presets, a view with four."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import impasto
from impasto.images import write

HERE = Path(__file__).parent
FACE, VIEW = ("impasto", "portrait"), ("impasto", "landscape", "faithful-colour", "bold")


def main(size: int = 256, target: Path = Path("output/presets.jpg"), **settings: Any) -> Path:
    """Makes six pictures with a long side of that size, and puts them side by side at one height."""
    shown = [("portrait", name) for name in FACE] + [("temple", name) for name in VIEW]
    flow = HERE / "styles" / "flow.jpg"
    made = [
        impasto.stylize(HERE / "photos" / f"{photo}.jpg", flow, size=size, preset=name, **settings).rgb for photo, name in shown
    ]
    height = made[-1].shape[1]
    level = [F.interpolate(one[None], size=(height, round(one.shape[2] * height / one.shape[1])), mode="area")[0] for one in made]
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat(level, 2), quality=80, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
