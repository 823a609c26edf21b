"""The command, in this process: exit code, standard output, standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image
from tests.samples import painting, photo, tiny_weights

from impasto.cli.entry import main
from impasto.run import api


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
def real_network() -> None:
    """Ask for it where the law is about the real network; else the commands paint with a tiny one of the same layers."""


@pytest.fixture(autouse=True)
def _tiny_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_network" not in request.fixturenames:
        load = api.load
        monkeypatch.setattr(api, "load", lambda name="vgg19", **more: tiny_weights() if name == "vgg19" else load(name, **more))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photo.png and paint.png, the current one."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo(48, 64)).save("photo.png")
    Image.fromarray(painting(48, 64)).save("paint.png")
    return tmp_path
