"""A full disk, and a database that is gone for a while: said, survived, nothing lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.jobs.conftest import small_request
from tests.jobs.test_worker import ended, until, working

from impasto.errors import Unavailable
from impasto.jobs import Queue, open_store
from impasto.jobs.store import job_key

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500)]
POSTGRES = Path(__file__).parents[2] / "scripts" / "postgres.sh"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for three megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("database", ["elsewhere", "on it"])
def test_a_full_disk_is_survived(small_disk: Path, tmp_path: Path, database: str) -> None:
    store = open_store(small_disk / "data")
    url = None if database == "on it" else f"sqlite:///{tmp_path / 'queue.sqlite'}"
    with closing(Queue(store, url)) as queue:
        job = queue.submit(small_request(store, tmp_path, iterations=300))
        with working(queue):
            until(lambda: queue.get(job.id).progress is not None)
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(b"\0" * 4096)
            if url is not None:
                until(lambda: queue.get(job.id).state == "paused", seconds=480)
                assert "full" in (queue.get(job.id).reason or "")
                filler.unlink()
                queue.resume(job.id)
            else:  # then nobody can even note that it is paused: it goes on by itself
                time.sleep(15)
                filler.unlink()
            until(lambda: ended(queue, job), seconds=480)
        assert queue.get(job.id).state == "finished" and store.stamp(job_key(job.id, "result.png")) is not None


@pytest.mark.skipif(
    shutil.which("pg_ctl") is None and not list(Path("/usr/lib").glob("postgresql/*/bin")), reason="no PostgreSQL"
)
def test_a_database_that_is_gone_for_a_while_costs_nothing(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"impasto-test-{port}"  # where the server's own account may go

    def server(what: str) -> str:
        return subprocess.run([POSTGRES, what, folder, port], capture_output=True, text=True, check=True).stdout.strip()

    store = open_store(tmp_path / "data")
    url = server("start")
    try:
        with closing(Queue(store, url)) as queue:
            job = queue.submit(small_request(store, tmp_path, iterations=2500))
            with working(queue) as workers:
                until(lambda: queue.get(job.id).progress is not None)
                before = queue.get(job.id).progress
                server("stop")
                with pytest.raises(Unavailable):
                    queue.jobs()
                time.sleep(3)
                server("start")
                until(lambda: ended(queue, job), seconds=480)
                assert workers.alive() == 1 and before is not None
            assert queue.get(job.id).state == "finished" and len(queue.jobs()) == 1
    finally:
        subprocess.run([POSTGRES, "stop", folder], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
