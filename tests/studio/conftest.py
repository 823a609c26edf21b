"""A real server with its worker, and a real browser (Debian's chromium, or IMPASTO_TEST_CHROMIUM)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright


@dataclass
class Server:
    """`impasto serve` in a process of its own, on a port that stays the same when it is started again."""

    data: Path
    port: int = 0
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "impasto", "serve", "--port", str(self.port), "--data", str(self.data)]
        with (self.data.parent / "server.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=dict(os.environ))
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, (self.data.parent / "server.log").read_text()
        self.port = int(line.partition("http://127.0.0.1:")[2].split()[0])

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(150)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    made.data.mkdir()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("IMPASTO_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        assert "CI" not in os.environ, ".ci/run installs one"
        pytest.skip("there is no chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    made = context.new_page()
    made.set_default_timeout(120_000)
    problems: list[str] = []
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.goto(server.address)
    yield made
    context.close()
    assert problems == [], "no script may fail"
