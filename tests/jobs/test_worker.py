"""A worker in a process of its own: what it makes, and that nothing is lost when it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.jobs.conftest import small_request

from impasto.images import read
from impasto.jobs import Job, Queue, Store
from impasto.jobs.store import job_key
from impasto.jobs.supervise import Workers
from impasto.manifest import load

KILLS = int(os.environ.get("IMPASTO_TEST_KILLS", "20"))
LONG_S = 240.0


@contextmanager
def working(queue: Queue, **more: object) -> Iterator[Workers]:
    workers = Workers(queue.store.url, queue.database, threads=1, segment_s=0.2, **more)  # type: ignore[arg-type]
    workers.start()
    try:
        yield workers
    finally:
        workers.stop()


def until(happens: Callable[[], object], *, seconds: float = LONG_S) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def ended(queue: Queue, *jobs: Job) -> bool:
    return all(queue.get(job.id).state in {"finished", "failed"} for job in jobs)


def pixels(store: Store, job: Job) -> str:
    """The hash of the picture's pixels: its file tells the time that it took, too."""
    return hashlib.sha256(read(store.read(job_key(job.id, "result.png"))).rgb.numpy().tobytes()).hexdigest()


@pytest.mark.timeout(900)
def test_jobs_are_made_failed_continued_and_repeated(queue: Queue, tmp_path: Path) -> None:
    store = queue.store
    good = queue.submit(small_request(store, tmp_path))
    bad = queue.submit(small_request(store, tmp_path, size=8, style_layers={"conv5_1": 1.0}))
    long = queue.submit(small_request(store, tmp_path, 1, iterations=4000))
    with working(queue):
        until(lambda: ended(queue, good, bad))
        failed, made = queue.get(bad.id), queue.get(good.id)
        assert failed.failure is not None and failed.failure.code == "image_too_small"
        assert made.made is not None and (made.made.width, made.made.height) == (48, 32)
        assert {"losses.json", "manifest.json", "progress.json", "result.png"} <= set(store.names(job_key(good.id)))
        with store.local(job_key(good.id, "result.png")) as path:
            assert load(path)["finished"]
        assert len(json.loads(store.read(job_key(good.id, "losses.json")))["records"]) == 4
        until(lambda: queue.get(long.id).progress is not None)
        queue.pause(long.id)
        until(lambda: queue.get(long.id).state == "paused")
        assert store.stamp(job_key(long.id, "checkpoint")) and store.stamp(job_key(long.id, "result.png"))
        at = queue.get(long.id).progress
        queue.resume(long.id)
        until(lambda: (now := queue.get(long.id).progress) is not None and at is not None and now.step > at.step)
        queue.cancel(long.id)
        until(lambda: queue.get(long.id).state == "cancelled")
        more, larger = queue.more(good.id, 5), queue.repeat(good.id, {"size": 64})
        until(lambda: ended(queue, more, larger))
        assert queue.get(more.id).state == "finished"
        assert (wide := queue.get(larger.id).made) is not None and wide.width == 64


@pytest.mark.parametrize(
    ("jobs", "kills"), [pytest.param(2, 1, id="once"), pytest.param(10, KILLS, id="often", marks=pytest.mark.soak)]
)
@pytest.mark.timeout(3000)
def test_killed_workers_lose_nothing(queue: Queue, tmp_path: Path, jobs: int, kills: int) -> None:
    """Each picture equals that of an undisturbed run, pixel by pixel."""
    requests = [small_request(queue.store, tmp_path, seed, iterations=40 * jobs + 20 * seed) for seed in range(jobs)]
    undisturbed = [queue.submit(request) for request in requests]
    with working(queue):
        until(lambda: ended(queue, *undisturbed), seconds=LONG_S * jobs)
    expected = [pixels(queue.store, job) for job in undisturbed]
    disturbed = [queue.submit(request.model_copy(update={"name": "again"})) for request in requests]
    chance = random.Random(7)
    with working(queue) as workers:
        for _ in range(kills):
            until(lambda: workers.alive() == 1)
            # From its start, when it loads, to well into its work.
            time.sleep(chance.uniform(0.0, 6.0))
            (process,) = workers._processes
            if process is not None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        until(lambda: ended(queue, *disturbed), seconds=LONG_S * jobs)
    assert [queue.get(job.id).state for job in disturbed] == ["finished"] * jobs
    assert [pixels(queue.store, job) for job in disturbed] == expected
    assert len(queue.jobs(limit=100)) == 2 * jobs, "none is done twice"


@pytest.mark.timeout(900)
def test_work_of_a_dead_worker_is_taken_over_and_sigterm_saves(queue: Queue, tmp_path: Path) -> None:
    job = queue.submit(small_request(queue.store, tmp_path, iterations=500))
    command = [sys.executable, "-m", "impasto", "worker", "--data", queue.store.url, "--database", queue.database]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, "--checkpoint-every", "1000"], env=environment) as first:
        until(lambda: queue.get(job.id).progress is not None)
        first.send_signal(signal.SIGTERM)
        assert first.wait(120) == 0
    assert queue.store.stamp(job_key(job.id, "checkpoint")) is not None, "what it had is saved"
    step = queue.get(job.id).progress
    with subprocess.Popen([*command, "--until-idle"], env=environment) as second:
        assert second.wait(LONG_S) == 0
    assert step is not None and queue.get(job.id).state == "finished"


@pytest.mark.soak
@pytest.mark.timeout(1500)
def test_a_worker_that_slept_writes_over_nothing_and_a_silent_ones_work_is_taken_over(queue: Queue, tmp_path: Path) -> None:
    job = queue.submit(small_request(queue.store, tmp_path, iterations=800))
    command = [sys.executable, "-m", "impasto", "worker", "--data", queue.store.url, "--checkpoint-every", "0.5"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "IMPASTO_DATABASE": queue.database}
    with subprocess.Popen(command, env=environment) as sleeper:
        until(lambda: queue.get(job.id).progress is not None)
        sleeper.send_signal(signal.SIGSTOP)
        with subprocess.Popen([*command, "--until-idle"], env=environment) as other:
            assert other.wait(600) == 0, "a worker that says nothing for a while is taken for dead"
        made = pixels(queue.store, job)
        assert queue.get(job.id).state == "finished"
        sleeper.send_signal(signal.SIGCONT)
        time.sleep(6)
        sleeper.send_signal(signal.SIGTERM)
        sleeper.wait(240)
    assert queue.get(job.id).state == "finished" and pixels(queue.store, job) == made
    assert json.loads(queue.store.read(job_key(job.id, "manifest.json")))["finished"]
    assert queue.store.stamp(job_key(job.id, "checkpoint")) is None
