"""A contact sheet: one photograph under several strengths and stroke sizes, or in several styles, small, to choose from."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from torch import Tensor

from impasto.images.contact import contact_sheet
from impasto.run.api import prepare
from impasto.run.result import result_of
from impasto.run.styles import assembled
from impasto.settings import Settings


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet: its styles, its settings, and the command that makes it at full size."""

    styles: Sequence[str]
    settings: Settings
    command: str


@dataclass(frozen=True)
class Made:
    """A sheet as far as it was made.

    `picture`: [3, H, W], sRGB-encoded, 0..1, or None where no cell was made; `error`: what ended it early.
    """

    picture: Tensor | None
    whole: bool
    error: Exception | None


@dataclass(frozen=True)
class Sheet:
    """Cells in rows, with the words for rows and columns."""

    content: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[Cell]]

    def make(self, *, stop: Callable[[], bool], on_cell: Callable[[Cell], object]) -> Made:
        """Make the cells one after another, until `stop` answers True after a step, or a cell fails.

        `on_cell` is told of a cell before it is made.  An error of the first cell is raised; an error of a later one is returned
        with the pictures that were made before it.
        """
        made: list[list[Tensor | None]] = [[None] * len(self.columns) for _ in self.rows]
        error: Exception | None = None
        for row, column in product(range(len(self.rows)), range(len(self.columns))):
            if stop():
                break
            cell = self.cells[row][column]
            on_cell(cell)
            try:
                made[row][column] = self._one(cell, stop)
            except Exception as failed:
                error = failed
            if made[row][column] is None:
                break
        pictures = [picture for row in made for picture in row if picture is not None]
        if not pictures:
            if error is not None:
                raise error
            return Made(None, whole=False, error=None)
        size = (pictures[0].shape[1], pictures[0].shape[2])
        sheet = contact_sheet(made, rows=self.rows, columns=self.columns, size=size)
        return Made(sheet, whole=len(pictures) == len(self.rows) * len(self.columns), error=error)

    def _one(self, cell: Cell, stop: Callable[[], bool]) -> Tensor | None:
        inputs, settings = assembled(self.content, cell.styles, cell.settings)
        run = prepare(settings, inputs)
        for _ in run:
            if stop():
                return None
        return result_of(run).rgb


def plan(
    content: str,
    styles: Sequence[str],
    settings: Settings,
    given: Mapping[str, Any],
    *,
    strengths: Sequence[float],
    scales: Sequence[float],
    losses: Sequence[str] = (),
) -> Sheet:
    """Strengths across, or losses where some are named; down the scales of strokes, or, where there are several, the styles.

    `given`: the options that each command repeats, as names of settings and what was written for them.
    """
    kinds = [(style, None) for style in styles] if len(styles) > 1 else [(styles[0], scale) for scale in scales]
    across: list[tuple[str, float | str]] = [("style_loss", loss) for loss in losses]
    across = across or [("strength", strength) for strength in strengths]
    rows, cells = [], []
    for style, scale in kinds:
        rows.append(_name(style) if scale is None else f"scale {scale:g}")
        row = []
        for name, value in across:
            own: dict[str, Any] = {name: value} | ({} if scale is None else {"style_scale": (scale,)})
            written = {**given, name: _short(value)} | ({} if scale is None else {"style_scale": _short(scale)})
            row.append(Cell([style], settings.model_copy(update=own), _command(content, style, written)))
        cells.append(row)
    columns = [value if name == "style_loss" else f"strength {_short(value)}" for name, value in across]
    return Sheet(content, rows, [str(column) for column in columns], cells)


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _name(style: str) -> str:
    stem = style.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return stem.rpartition(".")[0] or stem


def _command(content: str, style: str, options: Mapping[str, Any]) -> str:
    flags = [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), str(value))]
    return shlex.join(["impasto", "stylize", content, style, *flags])
