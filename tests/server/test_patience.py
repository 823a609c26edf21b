"""Who does not send the head of a request in time is hung up on, and nobody else."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from impasto.server import patience

HEAD_S = 0.5
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body's length, a while after the head and again after the body."""
    assert scope["type"] == "http"
    length, more = 0, True
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": b"head", "more_body": True})
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await asyncio.sleep(3 * HEAD_S if scope["path"] == "/late" else 0)
    await send({"type": "http.response.body", "body": b"%5d" % length})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(patience, "HEAD_S", HEAD_S)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http=patience.Impatient, lifespan="off", log_level="critical", timeout_keep_alive=60)
    )
    listening = server.config.bind_socket()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def opened(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def answer(client: socket.socket) -> bytes:
    """All of one answer."""
    found = b""
    while b"head" not in found or len(found.rpartition(b"head")[2]) < 5:
        part = client.recv(1000)
        assert part, found
        found += part
    return found[-5:]


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", GET[:-1]])
def test_who_says_nothing_or_half_is_hung_up_on(port: int, said: bytes) -> None:
    with opened(port) as client:
        begun = time.monotonic()
        client.sendall(said)
        assert client.recv(100) == b""
        assert HEAD_S * 0.9 < time.monotonic() - begun < 10


def test_a_byte_now_and_then_wins_no_time(port: int) -> None:
    with opened(port) as client:
        begun = time.monotonic()
        client.settimeout(HEAD_S / 4)
        for byte in GET * 20:
            try:
                client.sendall(bytes([byte]))
                assert client.recv(1) == b""  # nothing was asked for
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert HEAD_S * 0.9 < time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /caf\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_as_other_errors_are(port: int, said: bytes) -> None:
    with opened(port) as client:
        client.sendall(said)
        found = b""
        while part := client.recv(1000):
            found += part
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"application/json" in head
    assert set(json.loads(body)) == {"error"}


def test_a_second_request_may_come_late_and_must_come_whole(port: int) -> None:
    with opened(port) as client:
        client.sendall(GET)
        assert answer(client) == b"    0"
        time.sleep(2 * HEAD_S)
        client.sendall(GET)
        assert answer(client) == b"    0"
        client.sendall(GET[:9])
        assert client.recv(100) == b""


def test_who_was_heard_is_waited_for_and_answered_late(port: int) -> None:
    with opened(port) as client:
        client.sendall(b"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        time.sleep(2 * HEAD_S)
        client.sendall(b"b")
        assert answer(client) == b"    2"
