"""What a hostile client may try, and what becomes of it: an error in the contract's form, nothing kept, nothing told."""

from __future__ import annotations

import hashlib
import signal
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.server.faked import BASE, TOKEN, TestClient, encoded, job_body, png, send, submit

from impasto.jobs import Queue
from impasto.server.limits import Limits
from impasto.server.pictures import Pictures

pytestmark = pytest.mark.xdist_group("server")


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def bomb(width: int, height: int) -> bytes:
    """A small PNG that claims to be large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/files/..%2f..%2fqueue.sqlite",
        "/api/v1/files/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/files/" + "A" * 64,
        "/api/v1/files/" + "0" * 64 + "%00",
        "/api/v1/files/" + "0" * 63 + "٠",
        "/api/v1/jobs/..%2f..%2fetc%2fpasswd",
        "/api/v1/jobs/../../etc/passwd",
        "/api/v1/jobs/0%27%20OR%201=1--",
        "/api/v1/jobs/" + "0" * 10_000,
        "/api/v1/jobs/%00/result",
        "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
    ],
)
def test_ids_are_no_paths(shared: TestClient, path: str) -> None:
    answer = shared.get(path)
    assert answer.status_code in {404, 422}
    assert "root:" not in answer.text


def test_names_of_files_are_only_shown(client: TestClient, queue: Queue, tmp_path: Path) -> None:
    for name in ("../../../evil.png", "..\\..\\evil.png", "/etc/evil.png", "evil\x00.png\r\nX: y", "e" * 300 + ".png", "..", " "):
        (sent,) = send(client, (name, png()))
        assert len(sent["name"]) <= 100
        assert not set("/\\\r\n\0") & set(sent["name"])
    assert not list(tmp_path.rglob("*evil*"))
    answer = client.post("/api/v1/files", files={"file": ("e" * 50_000, png())})
    assert error(answer) == (422, "invalid_settings")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bomb(60_000, 60_000), "image_too_large"),
        (bomb(20_000, 4_000), "unreadable_image"),
        (b"", "unreadable_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "unreadable_image"),
        (b"<!doctype html><script>alert(1)</script>", "unreadable_image"),
        (b"#!/bin/sh\nrm -rf /\n", "unreadable_image"),
        (png()[:200], "unreadable_image"),
        (b"II*\x00" + b"\xff" * 64, "unreadable_image"),
        (b'\x10\x00\x00\x00\x00\x00\x00\x00{"__metadata__":{"style":"impasto-style 1"}}', "unreadable_image"),
        (b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'fortran_order': False, 'shape': (9,)}", "unreadable_image"),
    ],
)
def test_what_is_no_picture_is_not_kept(shared: TestClient, data: bytes, code: str) -> None:
    answer = shared.post("/api/v1/files", files={"file": ("x.png", data)})
    assert error(answer) == (422, code)
    assert "/tmp" not in answer.text
    assert shared.get(f"/api/v1/files/{hashlib.sha256(data).hexdigest()}").status_code == 404


def test_a_picture_that_ends_its_process_harms_nothing_else(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Pictures(memory_bytes=200 * 2**20)
    services = client.app.state.services  # type: ignore[attr-defined]
    monkeypatch.setattr(services.library, "_pictures", small)
    try:
        answer = client.post("/api/v1/files", files={"file": ("x.png", bomb(9_000, 9_000))})
        assert answer.json()["error"]["code"] in {"image_too_large", "unreadable_image"}
        answer = client.post("/api/v1/files", files={"file": ("x.png", encoded(np.zeros((9000, 9000, 3), np.uint8)))})
        assert error(answer) == (422, "image_too_large")
        process = small._process
        assert process is not None
        process.kill()
        process.wait()
        assert send(client, ("cat.png", png()))[0]["name"] == "cat"
        process = small._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)  # it does not answer any more
        monkeypatch.setattr(small, "_look_s", 0.05)
        answer = client.post("/api/v1/files", files={"file": ("x.png", png(seed=3))})
        assert error(answer) == (422, "unreadable_image")
        assert "took longer" in answer.text
        assert process.poll() is not None
    finally:
        small.close()


def test_too_much_is_not_read_to_its_end(make: Any) -> None:
    client = make(limits=Limits(upload_bytes=50_000, request_bytes=200_000, files_per_job=3, body_bytes=1000))
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(10_000):
            taken += 10_000
            yield bytes(10_000)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert error(client.post("/api/v1/files", content=endless(), headers=headers)) == (413, "too_large")
    for path in ("/api/v1/files", "/api/v1/jobs"):
        answer = client.post(path, files={"file": ("x.png", bytes(60_000))}, data={"job": "{}"})
        assert error(answer) == (413, "too_large")
    assert error(client.post("/api/v1/files", files={"file": ("x.png", bytes(300_000))})) == (413, "too_large")
    files = [("file", (f"{number}.png", png())) for number in range(4)]
    assert error(client.post("/api/v1/files", files=files)) == (413, "too_many")
    assert error(client.post("/api/v1/jobs", content=b"{" + b" " * 2000)) == (413, "too_large")
    assert error(client.post("/api/v1/estimate", json={"name": "x" * 2000})) == (413, "too_large")
    for length in ("-1", "1e9", "9" * 30, "0x10"):
        answer = client.post("/api/v1/files", content=b"", headers={**headers, "Content-Length": length})
        assert error(answer) == (413, "too_large")


def test_a_job_has_only_so_many_files(make: Any) -> None:
    client = make(limits=Limits(files_per_job=2))
    body = job_body(client)
    (third,) = send(client, ("mask.png", png(seed=9)))
    assert error(client.post("/api/v1/jobs", json=body | {"color_mask": third["id"]})) == (413, "too_many")
    assert error(client.post("/api/v1/jobs", json=body | {"styles": body["styles"] * 3})) == (413, "too_many")


def test_the_queue_has_room_for_so_many_jobs_of_a_token(make: Any) -> None:
    other = TOKEN[::-1]
    client = make(TOKEN, other, limits=Limits(queue=1))
    mine, theirs = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {other}"}
    job = submit(client, headers=mine)["id"]
    body = job_body(client, headers=mine)
    assert error(client.post("/api/v1/jobs", json=body, headers=mine)) == (429, "queue_full")
    assert error(client.post(f"/api/v1/jobs/{job}/repeat", json={}, headers=mine)) == (429, "queue_full")
    assert client.post("/api/v1/jobs", json=body, headers=theirs).status_code == 201
    assert client.post(f"/api/v1/jobs/{job}/pause", headers=mine).status_code == 202
    assert client.post("/api/v1/jobs", json=body, headers=mine).status_code == 201
    assert error(client.post(f"/api/v1/jobs/{job}/continue", headers=mine)) == (429, "queue_full")


def test_without_its_token_nothing_is_answered(make: Any) -> None:
    client = make(TOKEN)
    assert client.get("/api/v1/about").json()["token_needed"] is True
    assert client.get("/healthz").status_code == 200
    for headers in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Cookie": "impasto_session=forged"},
        {"Cookie": f"impasto_session={TOKEN}"},
        {"Cookie": 'impasto_session="\\"; $x'},
    ):
        for method, path in (
            ("GET", "/api/v1/jobs"),
            ("POST", "/api/v1/files"),
            ("POST", "/api/v1/session"),
            ("GET", "/metrics"),
        ):
            answer = client.request(method, path, headers=headers)
            assert error(answer) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/api/v1/jobs", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_a_token_is_traded_for_a_cookie_that_scripts_cannot_read(make: Any) -> None:
    client = make(TOKEN)
    answer = client.post("/api/v1/session", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/api/v1/jobs").status_code == 200  # the client keeps it
    assert error(client.get("/api/v1/jobs", headers={"Authorization": "Bearer wrong"})) == (401, "unauthorized")
    assert "set-cookie" not in make().post("/api/v1/session").headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8000.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": BASE},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8000"},
        {"Host": "localhost.evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
    ],
)
def test_other_sites_pages_are_not_answered(shared: TestClient, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/api/v1/jobs"), ("DELETE", "/api/v1/jobs/00"), ("GET", "/api/v1/jobs")):
        answer = shared.request(method, path, headers=headers)
        assert error(answer) == (403, "forbidden_origin")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": BASE},
        {"Origin": BASE, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "localhost:8000", "Origin": "http://localhost:8000"},
        {"Host": "[::1]:8000"},
    ],
)
def test_the_own_page_and_programs_are(shared: TestClient, headers: dict[str, str]) -> None:
    assert shared.post("/api/v1/session", headers=headers).status_code == 204


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"styles": [{"file": "' + b"0" * 64 + b'"}], "name": "\\ud800"}',
        b'{"styles": [{"file": "\\ud800"}]}',
        b'{"styles": [{"file": "' + b"0" * 64 + b'"}], "settings": {"\\ud800": 1}}',
        b'{"styles": [{"file": "' + b"0" * 64 + b'", "weight": NaN}]}',
        b'{"styles": [{"file": "' + b"0" * 64 + b'", "weight": 1e999}]}',
        b'{"priority": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"settings": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    ],
)
def test_a_body_that_is_none_is_said_to_be(shared: TestClient, content: bytes) -> None:
    for path in ("/api/v1/jobs", "/api/v1/estimate"):
        answer = shared.post(path, content=content, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json()["error"]["code"] in {"invalid_settings", "unknown"}


def test_a_form_that_is_none_is_said_to_be(shared: TestClient) -> None:
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b",
        "text/plain",
        "x" * 5000,
    ):
        for path in ("/api/v1/files", "/api/v1/jobs"):
            answer = shared.post(path, content=b"--x\r\ngarbage", headers={"Content-Type": kind})
            assert 400 <= answer.status_code < 500, answer.text
            assert set(answer.json()) == {"error"}


def test_every_answer_is_guarded(make: Any) -> None:
    client = make()
    for path in ("/", "/docs", "/healthz", "/api/v1/about", "/api/v1/jobs/00", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
    assert client.get("/", headers={"Host": "evil.example"}).headers["x-frame-options"] == "DENY"


def test_something_unexpected_is_logged_and_not_told(
    client: TestClient, queue: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret of /srv/impasto")

    monkeypatch.setattr(queue, "get", broken)
    answer = client.get("/api/v1/jobs/00")
    assert error(answer) == (500, "unexpected")
    assert "secret" not in answer.text
    request = answer.headers["x-request-id"]
    assert request in answer.json()["error"]["message"]
    assert any(getattr(record, "request", None) == request and record.exc_info for record in caplog.records)
