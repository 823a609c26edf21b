"""How losses, strengths and other settings trade structure against style: scores of many small pictures, as a table and curves.

`python -m benchmarks.quality --to FILE.jsonl` makes the pictures that FILE does not have yet, a line each, five contents by five
styles, a diagonal of that square at a time: after each diagonal every content and every style has come once for each variant, so
it can be stopped at any time.  `--report` writes FILE-N-pairs.md and .png: what has all pairs of `--diagonals`, and only those.
The numbers are those of `impasto score` (docs/quality.md); none is what was minimised, but for `style` with the Gram loss.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, Final, NamedTuple

from benchmarks.machine import describe, text
from benchmarks.options import ROOT
from benchmarks.table import markdown, number
from impasto.evaluate.allocator import keep_freed_memory

STYLE_LOSSES: Final = ("gram", "centered", "moments", "sliced", "histogram", "nearest", "ot")
CONTENT_LOSSES: Final = ("selfsim", "laplacian")
STRENGTHS: Final = (0.3, 0.5, 0.7)
CONTENTS: Final = ("temple", "portrait", "coffee", "cat", "rocket")
STYLES: Final = ("flow", "waves", "glass", "dots", "mosaic")
COLUMNS: Final = ("structure", "content", "style", "patches", "colors_style", "colors_content", "noise", "border")


class Variant(NamedTuple):
    """A name and the settings behind it."""

    name: str
    settings: Mapping[str, Any]


def variants(extra: Sequence[str]) -> list[Variant]:
    """Each style loss with the content loss `features`, each other content loss with `gram`, and those of NAME=VALUE,… texts."""
    found = [Variant(loss, {"style_loss": loss}) for loss in STYLE_LOSSES]
    found += [Variant(loss, {"content_loss": loss}) for loss in CONTENT_LOSSES]
    return found + [Variant(one, dict(pair.split("=", 1) for pair in one.split(";"))) for one in extra]


def cells(chosen: Sequence[Variant], strengths: Sequence[float], *, diagonals: int) -> Iterator[tuple[str, str, Variant, float]]:
    """Content, style, variant and strength, a diagonal at a time."""
    for diagonal in range(diagonals):
        for variant in chosen:
            for strength in strengths:
                for at, content in enumerate(CONTENTS):
                    yield content, STYLES[(at + diagonal) % len(STYLES)], variant, strength


def main() -> None:
    """Makes what is missing, or reports."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="the file of results, JSON lines")
    parser.add_argument("--size", type=int, default=160, help="long side in px (default 160)")
    parser.add_argument("--iterations", type=int, default=60, help="at each level (default 60)")
    parser.add_argument("--diagonals", type=int, default=5, help="1 to 5: 5 to 25 pairs (default 5)")
    parser.add_argument("--strengths", type=float, nargs="*", default=STRENGTHS)
    parser.add_argument("--only", nargs="*", help="variants by name")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=VALUE;…", help="one more, by its settings")
    parser.add_argument("--pictures", type=Path, help="keep the pictures in this folder")
    parser.add_argument("--report", action="store_true", help="write the table and the curves of what is there")
    given = parser.parse_args()
    if given.report:
        print(report(given.to, diagonals=given.diagonals))
        return
    chosen = [one for one in variants(given.variant) if not given.only or one.name in given.only]
    keep_freed_memory()
    done = {tuple(row["cell"]) for row in rows(given.to)}
    for content, style, variant, strength in cells(chosen, given.strengths, diagonals=given.diagonals):
        cell = (content, style, variant.name, strength)
        if cell in done:
            continue
        settings = {"size": given.size, "iterations": given.iterations, **variant.settings, "strength": strength}
        scores = measured(content, style, settings, keep=given.pictures, name="-".join(map(str, cell)))
        with given.to.open("a", encoding="utf-8") as file:
            file.write("\n" * half_written(given.to) + json.dumps({"cell": cell, "settings": settings, "scores": scores}) + "\n")
        print(*cell, {name: round(scores[name], 4) for name in COLUMNS}, flush=True)


def measured(content: str, style: str, settings: Mapping[str, Any], *, keep: Path | None, name: str) -> dict[str, Any]:
    """The scores of one picture."""
    import impasto
    from impasto.images import read, write
    from impasto.quality import score

    photo, painting = photograph(content), ROOT / "examples" / "styles" / f"{style}.jpg"
    made = impasto.stylize(photo, painting, **settings).rgb
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        write(keep / f"{name.replace('=', '-').replace(';', '-')}.png", made, overwrite=True)
    network = impasto.vgg.load()
    return score(read(made), read(photo), [read(painting)], vgg=network, size_px=settings["size"]).as_dict()


def photograph(name: str) -> Any:
    """A photograph of examples/, or of scikit-image, which has it from SpaceX (CC0)."""
    if name == "rocket":
        from skimage import data

        return data.rocket()
    return ROOT / "examples" / "photos" / f"{name}.jpg"


def rows(path: Path) -> list[dict[str, Any]]:
    """What is in the file; a line that a killed run left half is dropped."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}}")]


def half_written(path: Path) -> bool:
    """Whether the last line has no end."""
    return path.exists() and path.read_bytes()[-1:] not in {b"", b"\n"}


def report(path: Path, *, diagonals: int) -> str:
    """A table and curves beside FILE.jsonl, over the same pairs for each variant and strength; the table."""
    wanted = {(content, STYLES[(at + step) % len(STYLES)]) for step in range(diagonals) for at, content in enumerate(CONTENTS)}
    grouped: dict[tuple[str, float], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(path):
        if tuple(row["cell"][:2]) in wanted:
            grouped[row["cell"][2], row["cell"][3]].append(row["scores"])
    grouped = {key: found for key, found in grouped.items() if len(found) == len(wanted)}
    means = {key: {name: statistics.fmean(one[name] for one in found) for name in COLUMNS} for key, found in grouped.items()}
    body = [
        [f"`{variant}`", f"{strength:g}", str(len(grouped[variant, strength])), *(number(mean[name], 4) for name in COLUMNS)]
        for (variant, strength), mean in means.items()
    ]
    settings = rows(path)[0]["settings"]
    head = (
        f"# Scores of losses and strengths\n\n{text(describe())}\n- pictures of {settings['size']} px, {settings['iterations']} "
    )
    table = f"{head}iterations a level\n\n{markdown(['variant', 'strength', 'pairs', *COLUMNS], body)}\n"
    out = path.with_name(f"{path.stem}-{len(wanted)}-pairs")
    out.with_suffix(".md").write_text(table, "utf-8")
    draw(means, out.with_suffix(".png"))
    return table


def draw(means: Mapping[tuple[str, float], Mapping[str, float]], path: Path) -> None:
    """Style against structure, one line a variant through its strengths, for the Gram distance and for that of patches."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
    for axis, measure in zip(axes, ("style", "patches"), strict=True):
        for at, variant in enumerate(dict.fromkeys(name for name, _ in means)):
            points = [(mean["structure"], mean[measure]) for (name, _), mean in sorted(means.items()) if name == variant]
            style: dict[str, Any] = {"marker": "osD^v<>Ph"[at % 9], "color": mpl.colormaps["tab20"](at % 20), "markersize": 4}
            axis.plot(*zip(*points, strict=True), **style, linewidth=1, label=fill(variant, 34))
        axis.locator_params(axis="x", nbins=6)
        axis.set(xlabel="structure: CFSD (left: kept)", ylabel=f"{measure} (below: met)")
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
