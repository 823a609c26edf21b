"""A run to a file loses nothing: names, locks, checkpoints, interruption, full disks."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.samples import painting, photo, tiny_weights

from impasto import checkpoint, files, manifest
from impasto.errors import CheckpointError, OutputError
from impasto.images import read
from impasto.presets import resolve
from impasto.run import Run, gather, losses_file
from impasto.run import saved as saved_module
from impasto.run.resume import resumed
from impasto.run.target import Target, check_apart, claim, default_picture
from impasto.run.to_file import Outcome, ToFile
from impasto.vgg import Vgg

VALUES = {"size": 64, "iterations": 6}


def run_of(**values: Any) -> Run:
    settings = resolve({**VALUES, **values})
    vgg = Vgg(tiny_weights(), pooling=settings.pooling)
    return Run(settings, gather(photo(75, 100), [painting(60, 80)], settings), vgg)


@pytest.fixture(autouse=True)
def resume_with_the_tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_module, "network_for", lambda settings, _: Vgg(tiny_weights(), pooling=settings.pooling))


def make(target: Target, *, stop_after: int | None = None, every_s: float = 1e9, **values: Any) -> Outcome:
    steps = 0

    def count(_: Any) -> None:
        nonlocal steps
        steps += 1

    job = ToFile(run_of(**values), target, checkpoint_every_s=every_s)
    return job.make(stop=lambda: stop_after is not None and steps >= stop_after, on_step=count)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_finished_run_leaves_its_picture_and_manifest_only(tmp_path: Path) -> None:
    with claim(Target(tmp_path / "a.png"), named_by_user=True, bits=8) as target:
        outcome = make(target)
    assert outcome.finished
    assert left_behind(tmp_path) == ["a.png", "a.png.json"]
    assert manifest.load(tmp_path / "a.png")["settings"]["size"] == 64


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_manifest_is_in_the_file_too(tmp_path: Path, suffix: str) -> None:
    picture = make(Target(tmp_path / f"a{suffix}")).picture
    assert picture is not None
    manifest.sidecar(picture).unlink()
    assert manifest.load(picture)["finished"] is True


@pytest.mark.parametrize("stop_after", [1, 4, 7])
def test_an_interrupted_and_resumed_run_equals_the_undisturbed_one(tmp_path: Path, stop_after: int) -> None:
    whole = make(Target(tmp_path / "whole.png"), size=128, levels=2, iterations=4)
    part = make(Target(tmp_path / "part.png"), stop_after=stop_after, size=128, levels=2, iterations=4)
    assert not part.finished and part.checkpoint is not None and part.picture is not None
    assert pixels(part.picture).shape == (96, 128, 3)
    with resumed(part.checkpoint) as job:
        rest = job.make()
    assert rest.finished and rest.picture == part.picture.absolute()
    assert whole.picture is not None
    np.testing.assert_array_equal(pixels(part.picture), pixels(whole.picture))
    assert left_behind(tmp_path) == ["part.png", "part.png.json", "whole.png", "whole.png.json"]


def test_a_run_goes_on_in_the_precision_it_began_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=2, precision="auto")
    asked = []
    monkeypatch.setattr(saved_module, "network_for", lambda _, precision: asked.append(precision) or Vgg(tiny_weights()))
    assert part.checkpoint is not None
    with resumed(part.checkpoint):
        assert asked == ["float32"]  # what auto was then, whatever it would be now


def test_a_moved_checkpoint_continues_where_it_is(tmp_path: Path) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.checkpoint is not None
    (tmp_path / "else").mkdir()
    moved = part.checkpoint.rename(tmp_path / "else" / "b.checkpoint")
    with resumed(moved) as job:
        job.make()
    assert left_behind(tmp_path / "else") == ["b.png", "b.png.json"]


def test_a_partial_picture_that_was_changed_is_not_replaced(tmp_path: Path) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.picture is not None and part.checkpoint is not None
    part.picture.write_bytes(b"mine now")
    with resumed(part.checkpoint) as job:
        outcome = job.make()
    assert part.picture.read_bytes() == b"mine now"
    assert outcome.picture == tmp_path / "a-2.png" and "kept" in outcome.warnings[0]


def test_a_partial_picture_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.picture is not None and part.checkpoint is not None
    part.picture.unlink()
    with resumed(part.checkpoint) as job:
        assert job.make().picture == part.picture
    assert left_behind(tmp_path) == ["a.png", "a.png.json"]


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    Image.fromarray(photo(60, 80)).save(tmp_path / "c.png")
    inputs = gather(str(tmp_path / "c.png"), [painting(60, 80)], resolve(VALUES))
    for target in (
        Target(tmp_path / "c.png", overwrite=True),
        Target(tmp_path / "a.png", overwrite=True, losses=tmp_path / "c.png"),
    ):
        with pytest.raises(OutputError, match="input"):
            check_apart(target, inputs)
    for losses in ("a.png", "a.png.json"):
        with pytest.raises(OutputError, match="losses"):
            check_apart(Target(tmp_path / "a.png", losses=tmp_path / losses), inputs)


@pytest.mark.parametrize("name", ["a-0002.png", "a.checkpoint", "a.png.json"])
def test_what_is_written_beside_the_picture_never_replaces_an_input(tmp_path: Path, name: str) -> None:
    Image.fromarray(photo(60, 80)).save(tmp_path / name, "PNG")
    inputs = gather(str(tmp_path / name), [painting(60, 80)], resolve(VALUES))
    with pytest.raises(OutputError, match="input"):
        check_apart(Target(tmp_path / "a.png", overwrite=True, intermediates=True), inputs)


def test_a_moved_checkpoint_writes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    part = make(Target(tmp_path / "one" / "a.png", overwrite=True, losses=tmp_path / "one" / "l.csv"), stop_after=3)
    assert part.checkpoint is not None
    moved = part.checkpoint.rename(tmp_path / "two" / "a.checkpoint")
    (tmp_path / "one" / "l.csv").write_text("mine")
    with resumed(moved) as job:
        job.make()
    assert (tmp_path / "one" / "l.csv").read_text() == "mine"
    assert left_behind(tmp_path / "two") == ["a.png", "a.png.json", "l.csv"]


@pytest.mark.parametrize("fact", ["run", "settings", "weights_sha256", "ours", "picture", "names"])
def test_a_checkpoint_that_lacks_something_is_refused(tmp_path: Path, fact: str) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.checkpoint is not None
    saved = checkpoint.read(part.checkpoint)
    facts = {name: value for name, value in saved.facts.items() if name != fact}
    checkpoint.write(part.checkpoint, checkpoint.Checkpoint(facts, saved.tensors, saved.inputs))
    with pytest.raises(CheckpointError, match="damaged"), resumed(part.checkpoint):
        pass


def test_a_checkpoint_without_its_optimiser_is_refused(tmp_path: Path) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.checkpoint is not None
    saved = checkpoint.read(part.checkpoint)
    tensors = {name: tensor for name, tensor in saved.tensors.items() if name != "optimizer.g"}
    checkpoint.write(part.checkpoint, checkpoint.Checkpoint(saved.facts, tensors, saved.inputs))
    with pytest.raises(CheckpointError, match="damaged"), resumed(part.checkpoint):
        pass


def test_intermediates_carry_alpha_and_depth(tmp_path: Path) -> None:
    rgba = np.dstack([photo(48, 64), np.full((48, 64), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    settings = resolve({**VALUES, "save_every": 2, "bits": 16})
    run = Run(settings, gather(rgba, [painting(60, 80)], settings), Vgg(tiny_weights()))
    ToFile(run, Target(tmp_path / "a.png", intermediates=True)).make()
    found = read(tmp_path / "a-0002.png")
    assert found.bits == 16 and found.alpha is not None


def test_a_default_name_is_made_unique(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        with claim(Target(tmp_path / "a.png"), named_by_user=False, bits=8) as target:
            names.append(target.picture.name)
            target.picture.touch()
    assert names == ["a.png", "a-2.png", "a-3.png"]


@pytest.mark.parametrize("file", ["a.png", "a.checkpoint", "a-0100.png", "a.png.json"])
def test_a_name_in_use_is_refused_before_any_work(tmp_path: Path, file: str) -> None:
    (tmp_path / file).touch()
    target = Target(tmp_path / "a.png", intermediates=True)
    with pytest.raises(OutputError, match="--overwrite"), claim(target, named_by_user=True, bits=8):
        pass
    with claim(Target(tmp_path / "a.png", overwrite=True), named_by_user=True, bits=8) as target:
        assert target.picture == tmp_path / "a.png"


def test_two_runs_at_once_get_two_names(tmp_path: Path) -> None:
    with (
        claim(Target(tmp_path / "a.png"), named_by_user=False, bits=8) as one,
        claim(Target(tmp_path / "a.png"), named_by_user=False, bits=8) as two,
    ):
        assert one.picture != two.picture
        with pytest.raises(OutputError, match="another run"), claim(Target(tmp_path / "a.png"), named_by_user=True, bits=8):
            pass


def test_many_runs_at_once_all_keep_their_picture(tmp_path: Path) -> None:
    def work() -> None:
        with claim(Target(tmp_path / "a.png"), named_by_user=False, bits=8) as target:
            make(target, iterations=1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left_behind(tmp_path) == sorted(f"a{n}.png{j}" for n in ("", "-2", "-3", "-4") for j in ("", ".json"))


def test_a_checkpoint_is_at_work_once(tmp_path: Path) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.checkpoint is not None
    with resumed(part.checkpoint), pytest.raises(OutputError, match="another run"), resumed(part.checkpoint):
        pass


def test_intermediate_pictures_are_written(tmp_path: Path) -> None:
    make(Target(tmp_path / "a.png"), save_every=2)
    assert [name for name in left_behind(tmp_path) if name.startswith("a-")] == ["a-0002.png", "a-0004.png"]


@pytest.mark.parametrize("suffix", [".csv", ".png", ".svg"])
def test_losses_are_written(tmp_path: Path, suffix: str) -> None:
    losses = tmp_path / f"losses{suffix}"
    make(Target(tmp_path / "a.png", losses=losses))
    if suffix == ".csv":
        rows = losses.read_text().splitlines()
        assert rows[0] == "step,level,width,height,iteration,J,content,style,variation"
        assert len(rows) == 1 + 7
    else:
        assert losses.stat().st_size > 1000


def test_a_size_that_the_format_has_not_is_said_before_the_work(tmp_path: Path) -> None:
    target = Target(tmp_path / "a.webp")
    with pytest.raises(OutputError, match="16383 px"), claim(target, named_by_user=True, bits=8, size=(9, 16384)):
        pass
    assert left_behind(tmp_path) == []


class Full:
    """A disk that is full for some files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
        self._suffix, self.on = suffix, True
        monkeypatch.setattr(losses_file, "put", self.put)
        for module in (checkpoint, sys.modules["impasto.images.write"]):
            monkeypatch.setattr(module, "put_by", self.put)

    def put(self, path: Path, data: Any, **options: Any) -> None:
        if self.on and path.suffix == self._suffix:
            raise files.output_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        (files.put_by if callable(data) else files.put)(path, data, **options)


def test_a_full_disk_at_the_end_keeps_the_work_in_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Full(monkeypatch, ".png")
    with pytest.raises(OutputError, match="full"):
        make(Target(tmp_path / "a.png"))
    assert left_behind(tmp_path) == ["a.checkpoint"]
    full.on = False
    with resumed(tmp_path / "a.checkpoint") as job:
        assert job.make().finished
    make(Target(tmp_path / "b.png"))
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png"))


def test_a_checkpoint_that_cannot_be_written_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Full(monkeypatch, ".checkpoint")
    outcome = make(Target(tmp_path / "a.png"), every_s=0)
    assert outcome.finished and "full" in outcome.warnings[0]


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "a.png", Path("/proc/nowhere/a.png")):
        with pytest.raises(OutputError), claim(Target(place), named_by_user=True, bits=8):
            pass


@pytest.mark.parametrize("content", [b"", b"text", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.checkpoint"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="checkpoint"), resumed(path):
        pass


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.checkpoint is not None
    data = part.checkpoint.read_bytes()
    part.checkpoint.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError), resumed(part.checkpoint):
        pass


def test_a_checkpoint_of_other_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.checkpoint is not None
    monkeypatch.setattr(
        saved_module, "network_for", lambda *_: Vgg(type(tiny_weights())(**{**vars(tiny_weights()), "sha256": "1" * 64}))
    )
    with pytest.raises(CheckpointError, match="other weights"), resumed(part.checkpoint):
        pass


def test_a_checkpoint_needs_no_input_file(tmp_path: Path) -> None:
    Image.fromarray(photo(60, 80)).save(tmp_path / "c.png")
    settings = resolve(VALUES)
    run = Run(settings, gather(str(tmp_path / "c.png"), [painting(60, 80)], settings), Vgg(tiny_weights(), pooling="average"))
    run.advance()
    ToFile(run, Target(tmp_path / "a.png")).make(stop=lambda: True)
    (tmp_path / "c.png").unlink()
    with resumed(tmp_path / "a.checkpoint") as job:
        assert job.make().finished


def test_the_default_name_names_content_and_styles() -> None:
    settings = resolve({})
    inputs = gather(photo(40, 40), [painting(40, 40)], settings)
    assert default_picture(inputs) == Path("output/picture_picture.png")


def test_the_written_picture_is_the_result(tmp_path: Path) -> None:
    outcome = make(Target(tmp_path / "a.png"), bits=16)
    assert outcome.result is not None and outcome.picture is not None
    torch.testing.assert_close(read(outcome.picture).rgb, outcome.result.rgb, atol=1 / 65535, rtol=0)


def test_losses_that_exist_are_kept_without_overwrite(tmp_path: Path) -> None:
    losses = tmp_path / "losses.csv"
    losses.write_text("mine")
    for named in (True, False):
        with (
            pytest.raises(OutputError, match="exists"),
            claim(Target(tmp_path / "a.png", losses=losses), named_by_user=named, bits=8),
        ):
            pass
    with claim(Target(tmp_path / "a.png", overwrite=True, losses=losses), named_by_user=True, bits=8) as target:
        assert target.losses == losses


def test_what_a_killed_run_left_half_written_is_swept(tmp_path: Path) -> None:
    part = make(Target(tmp_path / "a.png"), stop_after=3)
    assert part.checkpoint is not None
    foreign = tmp_path / ".impasto-0123456789ab-00.part"
    foreign.touch()
    (tmp_path / f"{files._prefix(part.checkpoint)}00.part").touch()
    with resumed(part.checkpoint):
        assert left_behind(tmp_path) == sorted([".a.lock", foreign.name, "a.checkpoint", "a.png", "a.png.json"])
