"""`impasto weights …` through the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner, Result

from impasto.cli.weights import app
from impasto.errors import ImpastoError, OutputError, UnknownName, WeightsError


def impasto_weights(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})


def fails(kind: type[ImpastoError], *arguments: str) -> str:
    """Errors go through to the main command, which makes one line and an exit code of them."""
    result = impasto_weights(*arguments)
    assert isinstance(result.exception, kind), result.exception
    return str(result.exception)


def test_help_has_one_line_a_command_and_does_not_load_torch() -> None:
    text = impasto_weights("--help").output
    for command in ("list", "show", "verify", "import", "fetch"):
        assert command in text
    code = "import sys, impasto.cli.weights; sys.exit('torch' in sys.modules or 'rich.table' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_list_names_what_is_here_and_what_can_be_fetched() -> None:
    text = impasto_weights("list").output
    assert "comes with impasto" in text
    assert "impasto weights fetch vgg19-torchvision (575 MB)" in text


def test_show_tells_origin_and_input() -> None:
    text = impasto_weights("show").output
    for words in ("vgg19, 16 convolutions", "BGR, 0..255", "103.939, 116.779, 123.68", "CC BY 4.0", "Simonyan"):
        assert words in text


def test_verify_passes_the_embedded_network() -> None:
    text = impasto_weights("verify").output
    assert text.count("ok: ") == 4


def test_verify_shows_what_is_wrong_and_fails(tmp_path: Path, write: SimpleNamespace) -> None:
    tensors = {**write.placeholder(), "conv1_1.bias": torch.full((64,), torch.nan)}
    write.pth(tmp_path / "caffe.pth", tensors)
    assert "WRONG: conv1_1.bias holds NaN" in impasto_weights("verify", str(tmp_path / "caffe.pth")).output
    assert "does not pass" in fails(WeightsError, "verify", str(tmp_path / "caffe.pth"))
    assert "did you mean vgg19" in fails(UnknownName, "verify", "vgg-19")


def test_import_keeps_a_file_under_its_name(tmp_path: Path, write: SimpleNamespace) -> None:
    path = tmp_path / "[red]vgg16.pth"
    write.pth(path, write.placeholder())
    assert "--convention" in fails(WeightsError, "import", str(path))
    assert "--network a" in impasto_weights("import", str(path), "--name", "a", "--convention", "caffe").output
    assert "imported" in impasto_weights("list").output
    text = impasto_weights("show", "a").output
    assert "vgg16, 13 convolutions" in text
    assert "[red]vgg16.pth" in text
    assert "already imported" in fails(WeightsError, "import", str(path), "--name", "a")


def test_fetch_hands_its_name_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fake(name: str, *, progress: object) -> Path:
        assert callable(progress)
        progress(5, 10)
        return tmp_path / f"{name}.safetensors"

    monkeypatch.setattr("impasto.vgg.fetch.fetch", fake)
    assert "--network vgg16-torchvision" in impasto_weights("fetch", "vgg16-torchvision").output
    monkeypatch.undo()
    assert "choose from vgg19-torchvision" in fails(UnknownName, "fetch", "vgg16")


def test_without_a_home_list_and_fetch_say_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.vgg.weights.data_folder", lambda: None)
    assert "this user has no home folder to import networks to; set IMPASTO_DATA" in impasto_weights("list").output
    assert "set IMPASTO_DATA" in fails(OutputError, "fetch", "vgg16-torchvision")
