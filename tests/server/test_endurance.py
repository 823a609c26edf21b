"""A real server against what takes long: killed over and over, a body of 2 GB, a thousand open streams, all of the network."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.server.faked import TOKEN, png, style_png
from tests.server.test_process import serving

from impasto.images import read

pytestmark = pytest.mark.soak

KILLS = int(os.environ.get("IMPASTO_TEST_KILLS", "20"))
SMALL = {"size": 48, "levels": 1, "style_layers": {"conv1_1": 1.0}, "content_layers": {"conv2_1": 1.0}}


@contextlib.contextmanager
def server(data: Path, port: int, *more: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """With its worker, unless more options say otherwise; a client of it, when it answers."""
    command = [sys.executable, "-m", "impasto", "serve", "--data", str(data), "--port", str(port), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (data.parent / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=environment)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30) as client:
        try:
            end = time.monotonic() + 60
            while True:
                assert process.poll() is None and time.monotonic() < end
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/jobs").status_code == 200:
                        break
                time.sleep(0.05)
            yield client, process
        finally:
            process.terminate()
            process.wait(180)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def bodies(client: httpx.Client, count: int) -> list[dict[str, Any]]:
    made = []
    for seed in range(count):
        sent = client.post("/files", files=[("file", ("cat.png", png(seed=seed))), ("file", ("waves.png", style_png()))])
        assert sent.status_code == 201, sent.text
        content, style = sent.json()
        settings = {**SMALL, "iterations": 200 + 50 * seed}
        made.append({"content": content["id"], "styles": [{"file": style["id"]}], "settings": settings, "name": str(seed)})
    return made


def pictures(client: httpx.Client, ids: list[str]) -> list[str]:
    """The pixels of finished jobs, waited for."""
    end = time.monotonic() + 900
    found = []
    for job in ids:
        while (state := client.get(f"/jobs/{job}").json()["state"]) != "finished":
            assert state in {"queued", "running"} and time.monotonic() < end, state
            time.sleep(0.2)
        answer = client.get(f"/jobs/{job}/result")
        assert answer.status_code == 200
        found.append(hashlib.sha256(read(answer.content).rgb.numpy().tobytes()).hexdigest())
    return found


@pytest.mark.timeout(3000)
def test_a_killed_server_loses_no_accepted_job_and_does_none_twice(tmp_path: Path) -> None:
    """Clients send again what was not answered, with the same Idempotency-Key."""
    data, port, chance = tmp_path / "studio", free_port(), random.Random(3)
    with server(data, port) as (client, _):
        requests = bodies(client, 10)
    accepted: dict[str, str] = {}
    for _ in range(KILLS):
        with server(data, port) as (client, process):
            end = time.monotonic() + chance.uniform(0.0, 5.0)
            while time.monotonic() < end:
                number = chance.randrange(len(requests))
                answer = client.post("/jobs", json=requests[number], headers={"Idempotency-Key": f"cat-{number}"})
                assert answer.status_code in ({200} if str(number) in accepted else {200, 201})
                assert accepted.setdefault(str(number), answer.json()["id"]) == answer.json()["id"]
                time.sleep(chance.uniform(0.0, 0.3))
            for _ in range(3):  # some are on their way when it dies
                number = chance.randrange(len(requests))
                with contextlib.suppress(httpx.TransportError):
                    client.post("/jobs", json=requests[number], headers={"Idempotency-Key": f"cat-{number}"}, timeout=0.02)
            process.kill()
            process.wait()
    with server(data, port) as (client, _):
        for number, request in enumerate(requests):
            answer = client.post("/jobs", json=request, headers={"Idempotency-Key": f"cat-{number}"})
            assert accepted.setdefault(str(number), answer.json()["id"]) == answer.json()["id"]
        ids = [accepted[str(number)] for number in range(len(requests))]
        made = pictures(client, ids)
        assert {job["id"] for job in client.get("/jobs?limit=100").json()["jobs"]} == set(ids), "none is there twice"
        undisturbed = [client.post("/jobs", json=request).json()["id"] for request in requests]
        assert pictures(client, undisturbed) == made


def test_a_body_of_2_gb_is_refused_and_kept_nowhere(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path / "studio")) as (address, process):
        host, _, port = address.removeprefix("http://").partition(":")
        before = psutil.Process(process.pid).memory_info().rss
        for length in (["Content-Length: 2147483648"], ["Transfer-Encoding: chunked"]):
            with socket.create_connection((host, int(port)), timeout=30) as client:
                head = [
                    "POST /api/v1/files HTTP/1.1",
                    f"Host: {host}:{port}",
                    "Content-Type: multipart/form-data; boundary=b",
                    *length,
                ]
                client.sendall("\r\n".join([*head, "", ""]).encode())
                body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + bytes(2**20)
                sent = 0
                with contextlib.suppress(ConnectionError):  # it need not read to the end
                    while sent < 2**31:
                        chunk = body if "Length" in length[0] else f"{len(body):x}\r\n".encode() + body + b"\r\n"
                        client.sendall(chunk)
                        sent += len(body)
                        body = bytes(2**20)
                        client.setblocking(False)
                        with contextlib.suppress(BlockingIOError):
                            if client.recv(1, socket.MSG_PEEK):
                                break
                        client.settimeout(30)
                client.settimeout(30)
                answer = b""
                with contextlib.suppress(ConnectionResetError):  # what was sent after the answer may undo it
                    answer = client.recv(12)
                assert answer in ({b"HTTP/1.1 413"} if "Length" in length[0] else {b"HTTP/1.1 413", b""})
                assert sent < 2**29
        assert psutil.Process(process.pid).memory_info().rss < before + 64 * 2**20
        assert httpx.get(f"{address}/healthz", timeout=5).status_code == 200
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 2**21


def test_a_thousand_that_ask_for_streams_and_900_that_say_nothing_leave_it_well(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if hard > 0 else 4096, hard))
    open_: list[socket.socket] = []
    try:
        host, port = "127.0.0.1", free_port()
        address = f"http://{host}:{port}"
        with server(tmp_path / "studio", port, "--no-worker"):
            statuses = []
            for _ in range(1000):
                open_.append(socket.create_connection((host, port), timeout=30))
                open_[-1].sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
                statuses.append(open_[-1].recv(12)[9:])
            assert statuses == [b"200"] * 64 + [b"429"] * 936
            for _ in range(900):
                open_.append(socket.create_connection((host, port), timeout=30))
                open_[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: ")  # and never the rest
            begun = time.monotonic()
            assert httpx.get(f"{address}/healthz", timeout=5).status_code == 200
            assert "impasto_event_streams 64.0" in httpx.get(f"{address}/metrics", timeout=5).text
            assert time.monotonic() - begun < 5
            for one in open_[1000:]:  # these it does not wait for
                assert one.recv(1) == b""
            for one in open_:
                one.close()
            end = time.monotonic() + 30
            while "impasto_event_streams 0.0" not in httpx.get(f"{address}/metrics", timeout=5).text:
                assert time.monotonic() < end
                time.sleep(0.1)
    finally:
        for one in open_:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_serves_the_whole_network_with_a_token_only(tmp_path: Path) -> None:
    environment = {**os.environ, "IMPASTO_TOKEN": TOKEN}
    with serving("--data", str(tmp_path / "studio"), "--host", "0.0.0.0", environment=environment) as (said, _):
        # An address of this machine that is not the default's: a server at 127.0.0.1 does not answer there.
        jobs = f"http://127.0.0.2:{said.rpartition(':')[2]}/api/v1/jobs"
        assert httpx.get(jobs, timeout=10).status_code == 401
        assert httpx.get(jobs, headers={"Authorization": f"Bearer {TOKEN}x"}, timeout=10).status_code == 401
        assert httpx.get(jobs, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).json() == {"jobs": [], "next": None}
