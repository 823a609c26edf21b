"""Workers are started again when they die; those that never get ready are given up, in words."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.jobs.test_worker import until

from impasto.jobs import Queue
from impasto.jobs.supervise import STARTS, Workers


def supervised(queue: Queue, *, store: str | None = None, said: Callable[[str], object] = print) -> Workers:
    place = queue.store.url if store is None else store
    return Workers(place, queue.database, threads=1, name="supervised", on_failed=said)


def test_a_worker_that_cannot_start_is_given_up_with_its_last_line(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    workers = supervised(queue, store=str(tmp_path / "file"), said=said.append)
    workers.start()
    until(lambda: workers.failed, seconds=100)
    time.sleep(1)
    workers.stop()
    assert said == [workers.failed], "it is told once"
    assert workers.failed is not None and "is a file, not a folder" in workers.failed and "\n" not in workers.failed
    assert workers.alive() == 0


def test_a_worker_that_is_killed_before_it_is_ready_has_its_signal_told(queue: Queue) -> None:
    workers = supervised(queue, said=lambda _: None)
    workers.start()
    end = time.monotonic() + 100
    while workers.failed is None and time.monotonic() < end:
        for process in workers._processes:
            if process is not None and not process.ready:
                process.send_signal(signal.SIGKILL)
        time.sleep(0.02)
    workers.stop()
    assert workers.failed is not None and "SIGKILL" in workers.failed


@pytest.mark.timeout(300)
def test_a_worker_that_hangs_before_it_is_ready_is_given_up(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.jobs.supervise._START_S", 0.1)
    workers = supervised(queue, said=lambda _: None)
    workers.start()
    try:
        until(lambda: (process := workers._processes[0]) is not None and process.send_signal(signal.SIGSTOP) is None)
        until(lambda: workers.failed)
        assert "it was not ready within" in str(workers.failed)
    finally:
        workers.stop()


@pytest.mark.timeout(300)
def test_a_database_that_does_not_answer_is_waited_for(queue: Queue) -> None:
    workers = Workers(queue.store.url, "postgresql://127.0.0.1:1/nowhere", threads=1)
    workers.start()
    until(lambda: workers._deaths[0] > STARTS, seconds=200)
    workers.stop()
    assert workers.failed is None


@pytest.mark.timeout(300)
def test_a_worker_says_that_it_is_ready_and_is_started_again_when_it_dies(queue: Queue) -> None:
    workers = supervised(queue)
    workers.start()
    try:
        for _ in range(4):  # more often than a start may fail
            until(lambda: (process := workers._processes[0]) is not None and process.ready)
            (process,) = workers._processes
            assert process is not None
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert workers.failed is None
    finally:
        workers.stop()


@pytest.mark.timeout(300)
def test_a_worker_starts_though_the_working_folder_is_gone_or_holds_python_files(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for gone in (False, True):
        folder = tmp_path / "working"
        folder.mkdir()
        (folder / "random.py").write_text("raise SystemExit('a file of the user was taken for Python\\'s own')\n")
        monkeypatch.chdir(folder)
        if gone:
            (folder / "random.py").unlink()
            folder.rmdir()
        workers = supervised(queue)
        workers.start()
        try:
            until(lambda: workers.failed or ((process := workers._processes[0]) is not None and process.ready))  # noqa: B023
            assert workers.failed is None
        finally:
            workers.stop()
            monkeypatch.undo()
        if not gone:
            (folder / "random.py").unlink()
            folder.rmdir()


@pytest.mark.parametrize("number", [signal.SIGHUP])
@pytest.mark.timeout(300)
def test_each_polite_signal_ends_a_worker_in_order(queue: Queue, number: signal.Signals) -> None:
    workers = supervised(queue)
    workers.start()
    try:
        until(lambda: (process := workers._processes[0]) is not None and process.ready)
        (process,) = workers._processes
        assert process is not None
        workers._stopping.set()
        os.kill(process._process.pid, number)
        os.kill(process._process.pid, number)
        assert process.wait(60) == 0
    finally:
        workers.stop()
