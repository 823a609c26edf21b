"""`impasto score` on the real network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_the_command_prints_all_numbers(here: Path, impasto: Command) -> None:
    ended = impasto("score", "photo.png", "photo.png", "paint.png")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()[:3]] == ["structure", "content", "style"]
    facts = json.loads(impasto("score", "photo.png", "photo.png", "paint.png", "--size", "48", "--json").out)
    assert facts["structure"] == 0 and facts["size"] == [36, 48] and facts["other_networks"] == {}
    assert impasto("score", "photo.png", "nowhere.png", "paint.png").code == 2
