"""The benchmark of losses: goes on where it was, and reports what is there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import quality


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["quality", *map(str, arguments)])
    quality.main()


def test_it_makes_what_is_missing_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quality, "CONTENTS", ("temple",))
    to = tmp_path / "q.jsonl"
    small = ("--to", to, "--size", 48, "--iterations", 1, "--diagonals", 1, "--strengths", 0.5)
    run(monkeypatch, *small, "--only", "gram")
    with to.open("a") as file:
        file.write('{"cell": ["temple", "flow", "hal')  # killed while it wrote
    first = to.read_text()
    run(monkeypatch, *small, "--only", "gram", "nearest")
    found = quality.rows(to)
    assert to.read_text().startswith(first.rpartition("{")[0]), "what was there is not made again"
    assert [row["cell"][2] for row in found] == ["gram", "nearest"]
    assert set(quality.COLUMNS) < set(found[0]["scores"])
    capsys.readouterr()
    run(monkeypatch, "--to", to, "--report", "--diagonals", 1)
    assert "| `nearest` | 0.5 | 1 |" in capsys.readouterr().out
    assert (tmp_path / "q-1-pairs.png").stat().st_size > 1000 and (tmp_path / "q-1-pairs.md").exists()


def test_a_diagonal_has_every_content_and_every_style_once() -> None:
    chosen = quality.variants(["color=match;style_scale=0.5"])
    assert json.dumps(chosen[-1].settings) == '{"color": "match", "style_scale": "0.5"}'
    cells = list(quality.cells(chosen[:1], (0.5,), diagonals=5))
    assert len({(content, style) for content, style, _, _ in cells}) == 25
    assert {content for content, *_ in cells[:5]} == set(quality.CONTENTS) and {style for _, style, *_ in cells[:5]} == set(
        quality.STYLES
    )
