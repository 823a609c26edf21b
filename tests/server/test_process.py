"""`impasto serve` as a process: what it loads, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.server.faked import TOKEN

from impasto.errors import InputError
from impasto.server.serving import Options, _end, serve

pytestmark = pytest.mark.xdist_group("server")

IMPASTO = [sys.executable, "-m", "impasto", "serve", "--no-worker"]
PLAIN = {name: value for name, value in os.environ.items() if name != "IMPASTO_TOKEN"}


@contextlib.contextmanager
def serving(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its address and process, while inside."""
    process = subprocess.Popen(
        [*IMPASTO, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment or PLAIN,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found is not None, line + (process.stderr.read() if process.stderr else "")
        yield found[0], process
    finally:
        process.kill()
        process.communicate()


def test_the_web_process_never_loads_torch() -> None:
    code = """
import sys, tempfile
from impasto.server.serving import Options, opened
from impasto.server.app import build
from impasto.server.schema import settings_schema
from impasto.server.services import Services
import impasto.cli.serve
with opened(Options(tempfile.mkdtemp())) as queue:
    app = build(Services(queue))
    app.openapi(), settings_schema()
print(sorted({"torch", "numpy", "PIL", "scipy", "matplotlib"} & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"


def test_it_serves_logs_lines_of_json_ends_in_good_order_and_starts_again_with_a_token(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path / "studio")) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
            assert json.load(answer)["ok"] is True
        if Path(f"/proc/{process.pid}/maps").exists():
            assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
        port = int(address.rpartition(":")[2])
        with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 cannot be used: address already in use"):
            serve(Options(str(tmp_path / "other"), port=port), print)
        ended = subprocess.run(
            [*IMPASTO, "--data", str(tmp_path / "studio")], capture_output=True, text=True, env=PLAIN, check=False
        )
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        assert ended.stderr.startswith("impasto: another server uses")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
        assert process.returncode == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines()]
    assert any(line.get("path") == "/healthz" and line["status"] == 200 for line in lines)
    # The folder is free again.
    with serving("--data", str(tmp_path / "studio"), environment={**PLAIN, "IMPASTO_TOKEN": TOKEN}) as (address, process):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{address}/api/v1/jobs", timeout=10)
        request = urllib.request.Request(f"{address}/api/v1/jobs", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer) == {"jobs": [], "next": None}
        process.send_signal(signal.SIGHUP)  # its terminal is closed
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_a_server_that_nobody_reads_of_serves_and_ends_as_others_do(caplog: pytest.LogCaptureFixture) -> None:
    def nobody_reads() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    closed: list[str] = []
    server: Any = SimpleNamespace(started=True, should_exit=True)
    parts = {name: SimpleNamespace(close=partial(closed.append, name)) for name in ("hub", "estimates", "pictures")}
    asyncio.run(_end(server, cast(Any, SimpleNamespace(**parts)), nobody_reads))
    assert closed == ["hub", "estimates", "pictures"] and "Broken pipe" in caplog.text


def test_an_address_that_others_reach_needs_a_token(tmp_path: Path) -> None:
    data = str(tmp_path)
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):
        with pytest.raises(InputError, match="a token is needed"):
            serve(Options(data, host=host, port=0), print)
    with pytest.raises(InputError, match="a token is needed"):
        serve(Options(data, origins=["https://studio.example"]), print)
    with pytest.raises(InputError, match="at least 16 characters"):
        serve(Options(data, host="0.0.0.0", tokens=["short"]), print)
