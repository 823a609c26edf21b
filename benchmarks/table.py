"""Markdown tables, and numbers as they stand in them."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is left-aligned and all others right-aligned."""
    aligned = "|---|" + "---:|" * (len(head) - 1)
    return "\n".join([_line(head), aligned, *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def number(value: float | None, digits: int = 2) -> str:
    """A number with so many digits after the point and thousands apart, or a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"


def loss(value: float | None) -> str:
    """J with six digits that count, or a dash."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.6g}"


def milliseconds(seconds: float, digits: int = 1) -> str:
    """Seconds as milliseconds."""
    return number(1e3 * seconds, digits)


def ratio(above: float | None, below: float | None) -> str:
    """`1.23×`, or a dash where one of both is missing."""
    return "–" if above is None or below is None or below == 0 else f"{above / below:.2f}×"
