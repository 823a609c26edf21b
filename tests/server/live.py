"""A server that listens, in a thread of the test's own process."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import uvicorn

from impasto.server.app import build
from impasto.server.services import Services


@contextlib.contextmanager
def served(services: Services) -> Iterator[str]:
    """Its address, while inside."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(services), log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        services.hub.close()
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()


class Listening:
    """One open event stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.lines = response.iter_lines()

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next event, comments aside."""
        event, data = "", ""
        for line in self.lines:
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data = value
            elif line == "" and event:
                return event, json.loads(data)
        raise StopIteration

    def until(self, wanted: str) -> dict[str, Any]:
        """The next event of a kind."""
        while True:
            event, data = self.next()
            if event == wanted:
                return data


@contextlib.contextmanager
def listening(address: str, path: str, **options: Any) -> Iterator[Listening]:
    with httpx.stream("GET", f"{address}/api/v1{path}", timeout=15, **options) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Listening(response)
