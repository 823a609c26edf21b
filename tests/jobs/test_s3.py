"""The data location on S3: an S3 server on loopback (moto), the real client (s3fs), and workers that are other processes."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import s3fs
from moto.server import ThreadedMotoServer
from tests.jobs.conftest import small_request
from tests.jobs.test_worker import ended, pixels, until, working

from impasto.errors import InputError, OutputError
from impasto.jobs import Queue, Store, open_store
from impasto.jobs.store import job_key

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture
def server() -> Iterator[ThreadedMotoServer]:
    """Its data are of the process, so buckets have names of their own."""
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    yield made
    with contextlib.suppress(Exception):  # a test may have stopped it
        made.stop()


@pytest.fixture
def bucket(server: ThreadedMotoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A bucket of its own, known to this process and those that it starts as any S3 is: by the environment."""
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"impasto-{secrets.token_hex(4)}"
    s3fs.S3FileSystem().mkdir(name)
    yield open_store(f"s3://{name}/pictures")
    s3fs.S3FileSystem.clear_instance_cache()


def test_it_obeys_the_laws_of_a_store(bucket: Store, tmp_path: Path) -> None:
    bucket.write("jobs/a/x.json", b"one")
    before = bucket.stamp("jobs/a/x.json")
    bucket.write("jobs/a/x.json", b"other")
    assert bucket.read("jobs/a/x.json") == b"other" and bucket.stamp("jobs/a/x.json") not in {None, before}
    (tmp_path / "made").write_bytes(b"picture" * 10**6)
    bucket.send("jobs/a/result.png", tmp_path / "made")
    assert not (tmp_path / "made").exists()
    with bucket.local("jobs/a/result.png") as path:
        assert path.read_bytes() == b"picture" * 10**6
    assert bucket.names("jobs") == ["a"] and bucket.names("jobs/a") == ["result.png", "x.json"] and bucket.names("none") == []
    bucket.remove("jobs/a")
    bucket.remove("jobs/a")
    assert bucket.stamp("jobs/a/x.json") is None and bucket.names("jobs") == []


def test_a_killed_workers_job_goes_on_there_and_ends_as_in_a_folder(bucket: Store, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    far, folder = Queue(bucket, f"sqlite:///{tmp_path / 'queue.sqlite'}"), Queue(open_store(tmp_path / "data"), None)
    with closing(far) as remote, closing(folder) as near:
        there = remote.submit(small_request(bucket, tmp_path, iterations=300))
        here = near.submit(small_request(near.store, tmp_path, iterations=300))
        with working(near):
            until(lambda: ended(near, here))
        with working(remote) as workers:
            until(lambda: bucket.stamp(job_key(there.id, "checkpoint")))
            (process,) = workers._processes
            assert process is not None
            process.send_signal(signal.SIGKILL)
            process.wait()
            until(lambda: ended(remote, there))
        assert remote.get(there.id).state == "finished" and pixels(bucket, there) == pixels(near.store, here)
        assert bucket.stamp(job_key(there.id, "checkpoint")) is None


def test_a_bucket_that_is_not_there_is_said_and_not_made(bucket: Store, tmp_path: Path) -> None:
    other = open_store("s3://no-such-bucket/x")
    (tmp_path / "made").write_bytes(b"x")
    for _ in range(2):
        with pytest.raises(OutputError, match=r"nothing can be written to s3://no-such-bucket/x: .*bucket does not exist"):
            other.write("jobs/a/x.json", b"")
        with pytest.raises(OutputError, match=r"nothing can be written to s3://no-such-bucket/x: .*bucket does not exist"):
            other.send("jobs/a/x.json", tmp_path / "made")
    assert (tmp_path / "made").exists() and bucket.names("jobs") == []


@pytest.mark.parametrize("url", ["s3://", "s3:///pictures"])
def test_no_bucket_is_said_at_once(url: str) -> None:
    with pytest.raises(InputError, match="names no bucket"):
        open_store(url)


def test_a_server_that_is_gone_is_said(bucket: Store, server: ThreadedMotoServer) -> None:
    server.stop()
    with pytest.raises(OutputError, match="s3://"):
        bucket.write("jobs/a/x.json", b"")


def test_without_the_client_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['s3fs'] = None; from impasto.jobs import open_store; open_store('s3://bucket/x')"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert "InputError" in done.stderr and "s3fs" in done.stderr.splitlines()[-1]
