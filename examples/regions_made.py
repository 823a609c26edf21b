"""The picture of docs/regions.md about masks made for you: photograph, map, a mask, and two regions painted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import impasto
from impasto.images import read, write
from impasto.run.regions import label_map, regions

HERE = Path(__file__).parent


def main(size: int = 256, target: Path = Path("output/regions_made.jpg"), **settings: Any) -> Path:
    """Makes a picture of that size, and puts it beside what it is made with."""
    photo, styles = HERE / "photos" / "temple.jpg", [HERE / "styles" / f"{name}.jpg" for name in ("flow", "glass")]
    masks = regions(read(photo), count=4, vgg=impasto.vgg.load())
    made = impasto.stylize(photo, styles, masks=[masks[0].numpy(), masks[1].numpy()], size=size, **settings).rgb
    height, width = made.shape[1:]
    shown = [label_map(masks), masks[1].expand(3, -1, -1)]
    small = [F.interpolate(one[None], size=(height, width), mode="area")[0] for one in shown]
    target.parent.mkdir(exist_ok=True)
    return write(target, torch.cat([read(photo).at((height, width))[0], *small, made], 2), quality=80, overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
