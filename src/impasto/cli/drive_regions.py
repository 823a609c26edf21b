"""`impasto regions` in a terminal: regions are found, written and told."""

from __future__ import annotations

import sys
from pathlib import Path

from torch import Tensor

from impasto.cli.streams import tell_result
from impasto.errors import InvalidSettings
from impasto.evaluate.allocator import keep_freed_memory
from impasto.files import expanded
from impasto.images import Picture, check_target, read, write
from impasto.run import regions as found
from impasto.run.target import FOLDER
from impasto.storage.text import shell_word, to_json
from impasto.vgg import load


def drive_regions(
    photo: str,
    *,
    out: Path | None,
    count: int,
    by: str,
    from_map: bool,
    soft_px: int,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Find the regions of a photograph or the masks of a map, write them, and print their names."""
    if by not in {"features", "colors"}:
        raise InvalidSettings(f"--by expects features or colors, got {by}", setting="by")
    keep_freed_memory()
    picture = read(photo, role="map" if from_map else "content")
    start = FOLDER / picture.name if out is None else expanded(out)
    if from_map:
        masks = found.from_map(picture, soft_px=soft_px)
    else:
        vgg = load() if by == "features" else None
        masks = found.regions(picture, count=count, by="features" if vgg else "colors", vgg=vgg, soft_px=soft_px, seed=seed)
    names = [start.with_name(f"{start.name}.region-{number}.png") for number in range(1, len(masks) + 1)]
    label_map = start.with_name(f"{start.name}.regions.png")
    written = names if from_map else [*names, label_map]
    for name in written:
        check_target(name, overwrite=overwrite)
    for name, mask in zip(names, masks, strict=True):
        write(name, mask.expand(3, -1, -1), overwrite=overwrite)
    if not from_map:
        write(label_map, found.label_map(masks), overwrite=overwrite)
    _tell(masks, picture, names, None if from_map else label_map, photo, as_json=as_json)


def _tell(masks: Tensor, picture: Picture, names: list[Path], label_map: Path | None, photo: str, *, as_json: bool) -> None:
    colors = picture.at((masks.shape[1], masks.shape[2]))[0]
    rows = []
    for mask, name in zip(masks, names, strict=True):
        mean = (colors * mask).sum((1, 2)) / mask.sum()
        rows.append(
            {"mask": str(name), "share": float(mask.mean()), "color": "#" + "".join(f"{round(255 * float(c)):02x}" for c in mean)}
        )
    if as_json:
        tell_result(to_json({"map": None if label_map is None else str(label_map), "regions": rows}))
        return
    if len(rows) == 1:
        print("the picture has one colour all over, so it is one region", file=sys.stderr)
    for row in rows:
        tell_result(f"{row['share']:6.1%}  {row['color']}  {row['mask']}")
    if label_map is not None:
        first = f"impasto stylize {shell_word(photo)} --region {shell_word(f'{names[0]}=PAINTING.jpg')}"
        second = f"impasto regions {shell_word(label_map)} --from-map -o NAME"
        for line in (f"map     {label_map}", "", "use them with", f"  {first}", "or paint on the map, and then", f"  {second}"):
            tell_result(line)
