"""The losses of a run as a CSV file, or as a plot."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from impasto.errors import InvalidSettings, OutputError
from impasto.files import put
from impasto.objective import PARTS
from impasto.run.step import Record
from impasto.storage.text import shown

SUFFIXES: Final = (".csv", ".png", ".svg")


def check(path: Path) -> None:
    """Raise InvalidSettings for a name that says neither CSV nor plot."""
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidSettings(f"losses: {path} must end in {', '.join(SUFFIXES)}: a table, or a plot", setting="losses")


def write(path: Path, records: Sequence[Record], *, existing: Literal["replace", "keep"]) -> None:
    """Write the losses in the form that the name asks for; raise OutputError."""
    kind = path.suffix.lower()
    try:
        data = table(records).encode() if kind == ".csv" else plot(records, kind.removeprefix("."))
    except OSError as error:
        # Matplotlib keeps a list of fonts, at home or else in a folder for temporary files, and there is neither.
        message = f"{shown(path)} cannot be drawn: {error.strerror or error}; set MPLCONFIGDIR to a folder, or write a .csv"
        raise OutputError(message, path=path) from None
    put(path, data, existing=existing)


def table(records: Sequence[Record]) -> str:
    """Return one line per evaluation: step, level, size, iteration, J, and J_content, J_style, J_variation without α, β, γ."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["step", "level", "width", "height", "iteration", "J", *PARTS])
    for r in records:
        parts = [repr(r.parts[name]) if name in r.parts else "" for name in PARTS]
        lines.writerow([r.step, r.level, r.width, r.height, r.iteration, repr(r.loss), *parts])
    return text.getvalue()


def plot(records: Sequence[Record], form: str) -> bytes:
    """Return a plot of J and its parts over the steps, logarithmic; a dashed line where a level begins."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where it keeps its list of fonts is no news to anybody
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    steps = [r.step for r in records]
    axes.plot(steps, [r.loss for r in records], label="J", color="black", linewidth=1.6)
    for name in PARTS:
        if any(name in r.parts for r in records):
            values = [r.parts.get(name, float("nan")) for r in records]
            axes.plot(steps, values, label=f"J {name}", linewidth=1.1)
    for before, after in pairwise(records):
        if after.level != before.level:
            axes.axvline(after.step, color="grey", linestyle="--", linewidth=0.8)
    axes.set(xlabel="step", ylabel="loss", yscale="log" if any(r.loss > 0 for r in records) else "linear")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    data = io.BytesIO()
    # A fixed date keeps the same losses the same file.
    figure.savefig(data, format=form, dpi=120, metadata={"Date": None} if form == "svg" else None)
    return data.getvalue()
