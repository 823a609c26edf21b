"""Whatever ends a run after its first step leaves a picture, or a checkpoint that can be ended: a fault at every call of it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.samples import painting, photo, tiny_weights

import impasto
from impasto import checkpoint, files, manifest
from impasto.errors import OutputError
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.run import saved as saved_module
from impasto.run.resume import resumed
from impasto.run.target import Target
from impasto.run.to_file import Outcome, ToFile
from impasto.vgg import Vgg

SOURCES = Path(impasto.__file__).parent
WRITING = {
    str(SOURCES / name)
    for name in (
        "files.py",
        "checkpoint.py",
        "manifest.py",
        "images/encode.py",
        "images/embed.py",
        "images/write.py",
        "run/losses_file.py",
        "run/result.py",
        "run/saved.py",
        "run/to_file.py",
    )
}
ERRORS: list[Callable[[], BaseException]] = [
    lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    lambda: UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"),
    MemoryError,
    lambda: SystemExit(1),
    KeyboardInterrupt,
]


@pytest.fixture(autouse=True)
def resume_with_the_tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_module, "network_for", lambda settings, *_: Vgg(tiny_weights(), pooling=settings.pooling))


def job(folder: Path) -> ToFile:
    settings = resolve({"size": 48, "iterations": 2, "levels": 1, "save_every": 1})
    content = np.dstack([photo(36, 48), np.full((36, 48), 200, np.uint8)])
    run = Run(settings, gather(content, [painting(36, 48)], settings), Vgg(tiny_weights()))
    return ToFile(run, Target(folder / "a.png", losses=folder / "a.csv", intermediates=True), checkpoint_every_s=0)


@contextmanager
def fault_at(number: int, error: Callable[[], BaseException] | None) -> Iterator[list[int]]:
    """Raise an error at one call of a function that writes, counted from 0; gives how many calls there were."""
    count = [0]

    def watch(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename in WRITING and code.co_name != "describe_device":  # the style cache asks, too
            count[0] += 1
            if error is not None and count[0] - 1 == number:
                sys.setprofile(None)
                raise error()

    sys.setprofile(watch)
    try:
        yield count
    finally:
        sys.setprofile(None)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def ended(folder: Path) -> np.ndarray | None:
    """The picture that a folder holds, ended from its checkpoint where there is one; None where there is neither."""
    if (folder / "a.checkpoint").exists():
        with resumed(folder / "a.checkpoint") as again:
            picture = again.make().picture
        assert picture is not None
        return pixels(picture)
    return pixels(folder / "a.png") if (folder / "a.png").exists() else None


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_a_fault_at_any_call_of_the_writing_loses_nothing(every: int, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    with fault_at(-1, None) as calls:
        job(tmp_path / "whole").make()
    whole = pixels(tmp_path / "whole" / "a.png")
    assert calls[0] > 100  # it watches what it should
    for number in range(0, calls[0], every):
        error = ERRORS[number % len(ERRORS)]
        folder = tmp_path / str(number)
        folder.mkdir()
        work = job(folder)
        try:
            with fault_at(number, error):
                work.make()
        except BaseException as caught:
            assert isinstance(caught, OutputError) or type(caught) is type(error()), caught
        if work.run.has_picture:
            found = ended(folder)
            assert found is not None, f"nothing is left of a fault at call {number}"
            np.testing.assert_array_equal(found, whole, f"call {number}")
        assert not list(folder.glob(".impasto-*"))


@pytest.mark.parametrize("error", ERRORS[:-1])
def test_a_fault_in_telling_changes_nothing(error: Callable[[], BaseException], tmp_path: Path) -> None:
    def fail(_: Any) -> None:
        raise error()

    (tmp_path / "loud").mkdir()
    work = job(tmp_path)
    (tmp_path / "a-0001.png").mkdir()  # something to warn of
    outcome: Outcome = work.make(on_step=fail, on_warning=fail)
    assert outcome.finished and outcome.warnings
    (tmp_path / "quiet").mkdir()
    job(tmp_path / "quiet").make()
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "quiet" / "a.png"))


def test_a_fault_of_a_step_leaves_a_checkpoint_and_says_where(tmp_path: Path) -> None:
    work = job(tmp_path)
    work.run.advance()
    work.run._advance = lambda: (_ for _ in ()).throw(ValueError("broken"))  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="broken") as caught:
        work.make()
    assert caught.value.__notes__ == [f"the work is kept, go on with `impasto resume {tmp_path / 'a.checkpoint'}`"]
    with resumed(tmp_path / "a.checkpoint") as again:
        assert again.make().finished


def test_a_place_that_is_gone_for_good_sends_the_checkpoint_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    put_by = files.put_by

    def full(path: Path, *arguments: Any, **options: Any) -> None:
        if path.parent == tmp_path / "full":
            raise files.output_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        put_by(path, *arguments, **options)

    for module in (checkpoint, sys.modules["impasto.images.write"], files):
        monkeypatch.setattr(module, "put_by", full)
    with pytest.raises(OutputError, match="full") as caught:
        job(tmp_path / "full").make()
    kept = tmp_path / "elsewhere" / "a.checkpoint"
    assert str(kept) in caught.value.__notes__[0]
    assert list((tmp_path / "full").iterdir()) == []
    with resumed(kept, out=f"{tmp_path / 'elsewhere'}{os.sep}") as again:
        outcome = again.make()
    assert outcome.picture == tmp_path / "elsewhere" / "a.png"
    assert not kept.exists()


def test_a_record_that_cannot_be_stored_costs_the_record_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> str:
        raise UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed")

    monkeypatch.setattr(manifest, "to_json", fail)
    outcome = job(tmp_path).make()
    assert outcome.finished and outcome.picture == tmp_path / "a.png"
    assert any("holds no record" in warning for warning in outcome.warnings)


def test_a_resumed_run_never_replaces_its_photograph(tmp_path: Path) -> None:
    photograph = tmp_path / "photo.png"
    Image.fromarray(photo(36, 48)).save(photograph)
    before = photograph.read_bytes()
    settings = resolve({"size": 48, "iterations": 2, "levels": 1})
    run = Run(settings, gather(photograph, [painting(36, 48)], settings), Vgg(tiny_weights()))
    ToFile(run, Target(tmp_path / "a.png")).make(stop=lambda: run.has_picture)
    with pytest.raises(OutputError, match="is an input"), resumed(tmp_path / "a.checkpoint", out=str(photograph), overwrite=True):
        pass
    assert photograph.read_bytes() == before


def test_a_record_that_finds_no_room_beside_the_picture_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_by = files.put_by

    def full(path: Path, *arguments: Any, **options: Any) -> None:
        if path.name == "a.png.json":
            raise files.output_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        put_by(path, *arguments, **options)

    monkeypatch.setattr(files, "put_by", full)
    outcome = job(tmp_path).make()
    assert outcome.finished and outcome.picture == tmp_path / "a.png"
    assert any("record beside it is missing" in warning and "disk is full" in warning for warning in outcome.warnings)
    assert manifest.load(tmp_path / "a.png")["finished"] is True
    assert not (tmp_path / "a.checkpoint").exists()


def test_a_run_is_ended_without_its_record_if_that_is_asked_for(tmp_path: Path) -> None:
    work = job(tmp_path)
    work.make(stop=lambda: work.run.has_picture)
    with resumed(tmp_path / "a.checkpoint", out=str(tmp_path / "b.png"), record=False) as again:
        again.make()
    assert not manifest.sidecar(tmp_path / "b.png").exists()
    with Image.open(tmp_path / "b.png") as picture:
        assert "impasto" not in picture.info


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_checkpoint_in_a_read_only_folder_goes_on_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "fixed").mkdir()
    work = job(tmp_path / "fixed")
    work.make(stop=lambda: work.run.has_picture)
    (tmp_path / "fixed").chmod(0o500)
    try:
        with pytest.raises(OutputError), resumed(tmp_path / "fixed" / "a.checkpoint"):
            pass
        with resumed(tmp_path / "fixed" / "a.checkpoint", out=str(tmp_path / "b.png")) as again:
            assert again.make().finished
    finally:
        (tmp_path / "fixed").chmod(0o700)
