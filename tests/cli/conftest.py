"""The command, in this process: exit code, standard output, standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image
from tests.samples import painting, photo

from impasto.cli.entry import main


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def impasto(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["impasto", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "400")
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photo.png and paint.png, the current one."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo(48, 64)).save("photo.png")
    Image.fromarray(painting(48, 64)).save("paint.png")
    return tmp_path
