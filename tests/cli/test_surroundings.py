"""What must be there around a command: a working folder, and threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from impasto.cli import surroundings
from impasto.cli.surroundings import fit_threads

Command = Callable[..., Any]


@pytest.mark.parametrize("command", [["stylize", "a.png", "b.png", "-o", "/c.png"], ["batch", "a", "b"], ["doctor"], ["worker"]])
def test_each_command_says_in_one_line_that_the_working_folder_is_gone(
    impasto: Command, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    def getcwd() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", getcwd)
    ended = impasto(*command)
    assert (ended.code, ended.err) == (2, "impasto: the working folder was deleted; change to another one\n")


def test_a_process_in_a_deleted_folder_says_so_before_pytorch_is_loaded(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = (
        "import os, sys; os.rmdir(os.getcwd()); sys.argv = ['impasto', 'worker']\n"
        "from impasto.cli.entry import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=gone, capture_output=True, text=True, check=False)
    said = "impasto: the working folder was deleted; change to another one\n"
    assert (ended.returncode, ended.stderr, ended.stdout) == (2, said, "False\n")


class Few:
    """A system that starts so many threads and no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.left = count
        start = threading.Thread.start

        def limited(thread: threading.Thread) -> None:
            if self.left == 0:
                raise RuntimeError("can't start new thread")
            self.left -= 1
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", limited)


@pytest.mark.parametrize(("startable", "expected"), [(0, "1"), (1, "1"), (2, "1"), (4, "2"), (5, "2"), (6, "3"), (100, "8")])
def test_pytorch_gets_half_of_the_threads_that_can_be_started_beside_two_and_no_more_than_asked_for(
    monkeypatch: pytest.MonkeyPatch, startable: int, expected: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    Few(monkeypatch, startable)
    fit_threads()
    assert os.environ["OMP_NUM_THREADS"] == expected


def test_where_threads_can_be_started_nothing_is_said_to_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(surroundings, "_wanted", lambda: 2)
    fit_threads()
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_users_own_choice_for_numpy_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    fit_threads()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_a_command_that_needs_more_threads_than_there_are_says_which_limit_to_raise(
    impasto: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Few(monkeypatch, 0)
    ended = impasto("batch", "photo.png", "paint.png", "-o", "out")
    assert ended.code == 1 and ended.err.startswith("impasto: this system lets no more threads be started; raise the limit")
    assert ended.err.count("\n") == 1
