"""Pictures and checkpoints from another machine, which had a device or a precision that this one has not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.samples import WIDE, painting, photo, tiny_weights

import impasto
from impasto.errors import CheckpointError
from impasto.presets import resolve
from impasto.run import api, gather
from impasto.run.repeat import repeated
from impasto.run.result import result_of
from impasto.run.resume import resumed
from impasto.run.saved import save
from impasto.run.target import Target
from impasto.run.to_file import ToFile
from impasto.vgg import bfloat16
from impasto.vgg.precision import caveat

WEIGHTS = tiny_weights(WIDE)
CALL: dict[str, Any] = {"size": 64, "iterations": 3, "device": "cpu"}


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "load", lambda name: WEIGHTS)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[str, str]:
    Image.fromarray(photo(60, 80)).save(tmp_path / "photo.png")
    Image.fromarray(painting(50, 60)).save(tmp_path / "paint.png")
    return str(tmp_path / "photo.png"), str(tmp_path / "paint.png")


def recorded(pictures: tuple[str, str], tmp_path: Path, **facts: Any) -> Path:
    """The record of a finished picture in which some facts are those of another machine."""
    made = impasto.stylize(*pictures, precision="float32", **CALL)
    made.save(tmp_path / "made.png")
    path = tmp_path / "made.png.json"
    record = json.loads(path.read_text("utf-8"))
    record["settings"] |= facts.pop("settings", {})
    path.write_text(json.dumps(record | facts), "utf-8")
    return path


def checkpoint(pictures: tuple[str, str], tmp_path: Path, **values: Any) -> Path:
    """The checkpoint of a run after its first step."""
    settings = resolve({**CALL, **values})
    run = api.prepare(settings, gather(pictures[0], [pictures[1]], settings))
    run.advance()
    target = Target(tmp_path / "a.png")
    ToFile(run, target)
    more = {"picture": str(target.picture), "overwrite": False, "losses": None, "ours": {}, "checkpoint_every_s": 60.0}
    save(run, target.checkpoint, more)
    return target.checkpoint


@pytest.mark.parametrize("precision", ["float16", "tf32"])
def test_a_picture_in_a_precision_that_is_not_here_says_so_and_is_repeated_in_another(
    precision: str, pictures: tuple[str, str], tmp_path: Path
) -> None:
    path = recorded(pictures, tmp_path, precision=precision)
    with pytest.raises(CheckpointError, match=rf"cannot be repeated .* precision {precision} .* use --precision auto") as told:
        repeated(path)
    assert "\n" not in str(told.value)
    run, differs = repeated(path, changed={"precision": "float32"})
    assert (run.vgg.precision, run.settings.precision) == ("float32", "float32")
    assert differs == []


@pytest.mark.parametrize("device", ["cuda:97", "mps"])
def test_a_picture_from_a_device_that_is_not_here_says_so_and_is_repeated_on_another(
    device: str, pictures: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    path = recorded(pictures, tmp_path, settings={"device": device})
    with pytest.raises(CheckpointError, match=rf"cannot be repeated .* device {device} is not available.* use --device cpu"):
        repeated(path)
    run, _ = repeated(path, changed={"device": "cpu"})
    assert (run.vgg.device.type, run.settings.device) == ("cpu", "cpu")


def test_a_checkpoint_goes_on_in_another_precision(pictures: tuple[str, str], tmp_path: Path) -> None:
    path = checkpoint(pictures, tmp_path, precision="bfloat16")
    with resumed(path, changed={"precision": "float32"}) as job:
        assert job.run.vgg.precision == "float32"
        for _ in job.run:
            pass
        assert result_of(job.run).manifest["precision"] == "float32"
    with resumed(path) as job:
        assert job.run.vgg.precision == "bfloat16"


def test_bfloat16_is_kept_and_imitated_where_there_are_no_instructions_for_it(
    pictures: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bfloat16, "in_hardware", lambda device: True)
    path = checkpoint(pictures, tmp_path, precision="bfloat16")
    with resumed(path) as job:
        assert caveat(job.run.vgg) is None
    monkeypatch.setattr(bfloat16, "in_hardware", lambda device: False)
    with resumed(path) as job:
        words = caveat(job.run.vgg)
        assert words is not None and "imitated" in words and "--precision float32" in words
        for _ in job.run:
            pass
        assert result_of(job.run).manifest["precision"] == "bfloat16"
