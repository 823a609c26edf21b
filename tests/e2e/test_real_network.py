"""The whole way on the genuine network, small: presets, interruption by signals, kill -9."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.samples import painting, photo

import impasto
from impasto.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_lowers_its_own_objective(name: str) -> None:
    result = impasto.stylize(photo(60, 80), painting(60, 80), preset=name, size="64x48", iterations=6, levels=1)
    assert min(record.loss for record in result.losses) < 0.9 * result.losses[0].loss
    assert result.manifest["settings"]["preset"] == name


def test_the_python_call_takes_and_gives_what_it_says(tmp_path: Path) -> None:
    Image.fromarray(painting(50, 60)).save(tmp_path / "p.png")
    steps: list[impasto.Step] = []
    result = impasto.stylize(
        Image.fromarray(photo(50, 60)), [tmp_path / "p.png", painting(64, 64)], size=64, iterations=3, on_step=steps.append
    )
    assert result.image.size == (64, 53)
    assert [step.loss for step in steps] == [record.loss for record in result.losses]
    assert isinstance(result.settings, impasto.Settings)
    assert result._repr_png_().startswith(b"\x89PNG")
    assert np.array_equal(np.asarray(Image.open(result.save(tmp_path / "out.png"))), np.asarray(result.image))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    Image.fromarray(photo(60, 80)).save(tmp_path / "photo.png")
    Image.fromarray(painting(60, 80)).save(tmp_path / "paint.png")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "impasto", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stylize(folder: Path, name: str, *more: str) -> subprocess.Popen[str]:
    few = ("--size", "80", "--iterations", "24", "--save-every", "4", "--quiet")
    return start(folder, "stylize", "photo.png", "paint.png", *few, "-o", name, *more)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it said on standard error."""
    _, err = process.communicate(timeout=100)
    return process.returncode, err


def wait_for(path: Path, process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait until a process has written a file; it must not end before."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None or path.exists(), ended(process)
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_run_that_was_killed_and_interrupted_again_and_again_is_the_undisturbed_one(here: Path) -> None:
    assert ended(stylize(here, "whole.png")) == (0, "")
    killed = stylize(here, "a.png", "--checkpoint-every", "0")
    wait_for(here / "a-0008.png", killed)
    killed.kill()
    assert ended(killed)[0] == -signal.SIGKILL
    assert not (here / "a.png").exists() and (here / "a.checkpoint").exists()
    for how, step in ((signal.SIGINT, 12), (signal.SIGTERM, 16)):
        run = start(here, "resume", "a.checkpoint", "--quiet")
        wait_for(here / f"a-{step:04}.png", run)
        run.send_signal(how)
        code, err = ended(run)
        assert code == 130, err
        assert re.search(r"impasto resume \S*a\.checkpoint", err) and "Traceback" not in err, err
        assert pixels(here / "a.png").shape == (60, 80, 3)
    assert ended(start(here, "resume", "a.checkpoint", "--quiet")) == (0, "")
    np.testing.assert_array_equal(pixels(here / "a.png"), pixels(here / "whole.png"))
    assert not [path for path in here.iterdir() if path.suffix in {".part", ".checkpoint"}]


def test_a_file_size_limit_ends_in_one_line(here: Path) -> None:
    resource = pytest.importorskip("resource")
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "impasto",
            "stylize",
            "photo.png",
            "paint.png",
            "--size",
            "64",
            "--iterations",
            "2",
            "-o",
            "a.png",
        ],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert run.returncode == 2
    assert "cannot be written" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (here / "a.png").exists()


@pytest.mark.parametrize("seconds", [0.05, 0.5, 1.0])
def test_ctrl_c_ends_in_one_line_even_while_loading(here: Path, seconds: float) -> None:
    run = stylize(here, "a.png")
    time.sleep(seconds)
    run.send_signal(signal.SIGINT)
    code, err = ended(run)
    if code == 130:
        first, *rest = err.strip().splitlines()
        if first.startswith("stopping after this step"):  # loading was quick, and the run had begun
            assert rest[0].startswith("impasto: stopped"), err
            assert "Traceback" not in err
        else:
            assert (first, rest) == ("impasto: interrupted", [])
    else:  # before Python itself has started: then nothing of ours has run yet, and Python says what it says
        assert code in {1, -signal.SIGINT} and re.search(r'File "[^"]*/impasto/(?!__)[^"]*\.py"', err) is None, err
