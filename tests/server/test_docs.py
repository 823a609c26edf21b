"""docs/api.md: each line of its clients runs, and it names what there is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.faked import TestClient, Work
from tests.server.live import served

from impasto.jobs import Queue
from impasto.server.pictures import Pictures
from impasto.server.services import Services

pytestmark = pytest.mark.xdist_group("server")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")


@pytest.fixture
def address(queue: Queue, pictures: Pictures, work: Work) -> Iterator[str]:
    """A server whose worker is done at once."""
    ended = threading.Event()

    def paint() -> None:
        while not ended.wait(0.1):
            for job in queue.jobs(states=("queued",)):
                work.progress(job.id, 5)
                work.finish(job.id)

    with served(Services(queue, pictures=pictures)) as address:
        thread = threading.Thread(target=paint)
        thread.start()
        yield address
        ended.set()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "examples").symlink_to(ROOT / "examples")
    return tmp_path / "here"


def block(language: str, address: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1].replace("http://127.0.0.1:8000", address)


def test_the_client_in_python_runs(address: str, folder: Path) -> None:
    command = [sys.executable, "-c", block("python", address)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_client_with_curl_runs(address: str, folder: Path) -> None:
    script = "set -e -o pipefail\n" + block("bash", address)
    ended = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert (folder / "picture.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (folder / "preview.webp").read_bytes().startswith(b"RIFF")
    assert "event: job" in ended.stdout


def test_every_route_and_every_option_is_documented(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in paths:
        short = path.removeprefix("/api/v1")
        assert short in PAGE or f"…/{short.rpartition('/')[2]}" in PAGE, short
    command = [sys.executable, "-m", "impasto", "serve", "--help"]
    environment = {**os.environ, "COLUMNS": "400"}
    help_ = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True).stdout
    flags = set(re.findall(r"--[a-z][a-z-]*", help_)) - {"--help"}
    assert flags <= set(re.findall(r"--[a-z][a-z-]*", PAGE))
