"""A worker as a child process."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Any

import pytest

from impasto.jobs import worker_process
from impasto.jobs.worker_process import WorkerProcess


def test_where_no_thread_can_be_started_the_worker_is_ended_and_that_is_an_error_of_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remembered(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        return started[-1]

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(worker_process.subprocess, "Popen", remembered)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(OSError, match="can't start new thread"):
        WorkerProcess(["--help"], dict(os.environ))
    (process,) = started
    assert process.poll() is not None
    assert process.stdout is not None and process.stdout.closed and process.stderr is not None and process.stderr.closed
