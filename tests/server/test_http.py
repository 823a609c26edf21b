"""HTTP as clients, proxies and monitors expect it: methods, parts of files, tags, clients that leave, names of files."""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.samples import photo
from tests.server.conftest import Make
from tests.server.faked import BASE, TestClient, Work, encoded, png, send, style_png, submit

from impasto.jobs import Queue, open_store
from impasto.server import gate
from impasto.server.sent_file import SentFile

pytestmark = pytest.mark.xdist_group("server")


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def result(client: TestClient, work: Work) -> str:
    """The address of a finished job's result."""
    job = submit(client)["id"]
    work.finish(job)
    return f"/api/v1/jobs/{job}/result"


def test_head_is_get_without_its_body(client: TestClient, result: str, work: Work) -> None:
    (sent,) = send(client, ("cat.png", png()))
    job = result.removesuffix("/result")
    paths = ["/", "/healthz", "/docs", "/openapi.json", "/api/v1/about", "/api/v1/presets", "/api/v1/jobs", job, result]
    paths += [f"{result}?format=jpg", f"{job}/manifest", f"{job}/preview", f"/api/v1/files/{sent['id']}"]
    paths += [f"/api/v1/files/{sent['id']}/thumbnail?side=64", "/nowhere", "/api/v1/jobs/00"]
    for path in paths:
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        assert head.headers["content-length"] == str(len(whole.content)), path
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert head.status_code >= 400 or head.headers["allow"].startswith("GET, ")


def test_head_of_an_event_stream_ends(client: TestClient) -> None:
    answer = client.head("/api/v1/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(client.app.state.services.hub) == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/", {"GET", "HEAD"}),
        ("DELETE", "/healthz", {"GET", "HEAD"}),
        ("PUT", "/api/v1/jobs", {"GET", "HEAD", "POST"}),
        ("PATCH", f"/api/v1/jobs/{'0' * 32}", {"GET", "HEAD", "DELETE"}),
        ("GET", "/api/v1/estimate", {"POST"}),
        ("HEAD", "/api/v1/files", {"POST"}),
        ("TRACE", "/openapi.json", {"GET", "HEAD"}),
        ("BREW", "/docs", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_is_not_there_names_those_that_are(shared: TestClient, method: str, path: str, allow: set[str]) -> None:
    answer = shared.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allow | {"OPTIONS"}
    assert method == "HEAD" or error(answer) == (405, "unknown")
    options = shared.options(path)
    assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", answer.headers["allow"])


def test_what_is_nowhere_answers_no_method(shared: TestClient) -> None:
    for method in ("GET", "POST", "OPTIONS", "BREW"):
        answer = shared.request(method, "/assets/nothing.js")
        assert error(answer) == (404, "unknown") and "allow" not in answer.headers


def test_a_slash_at_the_end_is_not_looked_at(client: TestClient) -> None:
    job = submit(client)["id"]
    assert client.get(f"/api/v1/jobs/{job}/", follow_redirects=False).json()["id"] == job
    assert client.get("/api/v1/about/", follow_redirects=False).status_code == 200
    answer = client.post("/api/v1/files/", files={"file": ("x.png", png() + bytes(2 * 2**20))}, follow_redirects=False)
    assert answer.status_code in {201, 422}  # its body may be as long as without the slash


def test_an_address_with_its_server_before_it_is_the_same(shared: TestClient) -> None:
    """As proxies send it (RFC 9112, 3.2.2); most clients take it apart themselves, so it is asked for by hand."""
    whole: dict[str, Any] = {"type": "http.request", "body": b""}
    for path in ("http://127.0.0.1/api/v1/about", "/api/v1/about/", "http://127.0.0.1"):
        answers = asyncio.run(_asked(shared.app, path, b"text/plain", [whole], method="GET"))
        assert answers[0]["status"] == 200, path


def test_a_body_that_does_not_arrive_is_not_waited_for(shared: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_S", 0.05)
    monkeypatch.setattr(gate, "FILES_S", 0.05)
    for path, kind in (("/api/v1/jobs", b"application/json"), ("/api/v1/files", b"multipart/form-data; boundary=b")):
        answers = asyncio.run(_asked(shared.app, path, kind, [{"type": "http.request", "body": b"-", "more_body": True}, None]))
        assert answers[0]["status"] == 408 and json.loads(answers[1]["body"])["error"]["code"] == "too_slow"


@pytest.mark.parametrize("query", ["", "?format=webp&download=1"])
def test_a_result_is_sent_as_a_file(client: TestClient, result: str, query: str) -> None:
    path = result + query
    whole = client.get(path)
    data, tag, date = whole.content, whole.headers["etag"], whole.headers["last-modified"]
    assert whole.headers["content-length"] == str(len(data)) and whole.headers["accept-ranges"] == "bytes"
    assert email.utils.parsedate_to_datetime(date) is not None

    def part(given: str, **more: str) -> Any:
        return client.get(path, headers={"Range": given, **more})

    for given, right in (
        ("bytes=0-99", data[:100]),
        ("bytes=100-", data[100:]),
        ("bytes=-7", data[-7:]),
        ("bytes=5-5", data[5:6]),
    ):
        answer = part(given)
        assert (answer.status_code, answer.content) == (206, right)
        assert answer.headers["content-range"].endswith(f"/{len(data)}") and answer.headers["etag"] == tag
    assert part("bytes=0-9", **{"If-Range": tag}).status_code == 206
    assert part("bytes=0-9", **{"If-Range": '"another"'}).content == data
    beyond = part(f"bytes={len(data)}-")
    assert error(beyond) == (416, "invalid_range") and beyond.headers["content-range"] == f"bytes */{len(data)}"
    for nonsense in ("lines=0-9", "bytes", "bytes=x-y", "bytes=9-3", ""):
        assert (part(nonsense).status_code, part(nonsense).content) == (200, data)
    several = part("bytes=0-1,4-5")
    assert several.status_code == 206 and several.headers["content-type"].startswith("multipart/byteranges")
    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": date},
    ):
        again = client.get(path, headers=headers)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for headers in ({"If-None-Match": '"x"', "If-Modified-Since": date}, {"If-Modified-Since": "soon"}):
        assert client.get(path, headers=headers).content == data
    head = client.head(path, headers={"Range": "bytes=0-99"})
    assert (head.status_code, head.headers["content-length"], head.content) == (206, "100", b"")


def test_a_file_says_nothing_of_when_it_was_used(client: TestClient) -> None:
    data = encoded(photo(8, 8), "TIFF")
    (sent,) = send(client, ("scan.tif", data))
    answer = client.get(f"/api/v1/files/{sent['id']}", headers={"Range": "bytes=2-3"})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (206, data[2:4], f'"{sent["id"]}"')
    assert "last-modified" not in answer.headers and "immutable" in answer.headers["cache-control"]


def test_a_result_that_goes_while_it_is_sent_is_an_error_in_words(
    client: TestClient, result: str, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = type(queue.store).local

    def and_then_deleted(store: Any, key: str) -> Any:
        found = there(store, key)
        path = found.__enter__()

        class Gone:
            def __enter__(self) -> Path:
                stat = path.stat()
                path.unlink()
                monkeypatch.setattr("os.stat", lambda *_: stat)
                return Path(path)

            def __exit__(self, *_: object) -> None:
                monkeypatch.undo()

        return Gone()

    monkeypatch.setattr(type(queue.store), "local", and_then_deleted)
    assert error(client.get(result)) == (404, "unknown")


def test_the_page_and_small_pictures_are_not_sent_twice(client: TestClient) -> None:
    (sent,) = send(client, ("cat.png", png()))
    for path in ("/", f"/api/v1/files/{sent['id']}"):
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(f"/api/v1/files/{sent['id']}/thumbnail").headers["etag"] == f'"{sent["id"]}-256"'


async def _asked(
    app: Any, path: str, kind: bytes, messages: list[dict[str, Any] | None], *, method: str = "POST"
) -> list[dict[str, Any]]:
    """What is sent to a client that sends these messages; None is silence."""
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        message = messages.pop(0) if len(messages) > 1 else messages[0]
        return message if message is not None else await asyncio.get_running_loop().create_future()

    async def sent(message: dict[str, Any]) -> None:
        answers.append(message)

    headers = [(b"host", BASE.removeprefix("http://").encode()), (b"content-type", kind), (b"content-length", b"9999")]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    await app({**scope, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "root_path": ""}, receive, sent)
    return answers


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/v1/files", b"multipart/form-data; boundary=b"),
        ("/api/v1/jobs", b"multipart/form-data; boundary=b"),
        ("/api/v1/jobs", b"application/json"),
        ("/api/v1/estimate", b"application/json"),
    ],
)
def test_a_client_that_leaves_while_it_sends_is_no_error(
    client: TestClient, path: str, kind: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    begun = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n' + bytes(3000)
    body = {"type": "http.request", "body": begun if b"multipart" in kind else b'{"name', "more_body": True}
    with caplog.at_level(logging.INFO, "impasto"):
        asyncio.run(_asked(client.app, path, kind, [body, {"type": "http.disconnect"}]))
    records = [record for record in caplog.records if record.name.startswith("impasto.server")]
    assert [(record.levelname, record.__dict__.get("status"), record.exc_info) for record in records] == [("INFO", 499, None)]
    text = client.get("/metrics").text
    assert f'method="POST",route="{path}",status="499"}} 1.0' in text and 'status="500"' not in text


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'filename="caf\xc3\xa9.png"', "café"),
        (b'filename="caf\xe9.png"', "café"),
        (b"filename=\"x.png\"; filename*=UTF-8''%E7%94%BB.png", "x"),
        (b'filename="C:\\Users\\ann\\cat.png"', "cat"),
        (b'filename="../../etc/passwd"', "passwd"),
        (b'filename="a\x07b\x1b[31mc.png"', "a b [31mc"),
        (b'filename="' + b"n" * 4_000 + b'.png"', "n" * 100),
        (b'filename=""', "picture"),
        (b'filename=".png"', "png"),
        (b'filename="a%00b.png"', "a%00b"),
    ],
)
def test_a_name_in_any_encoding_is_shown_as_well_as_can_be(client: TestClient, disposition: bytes, name: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; ' + disposition + b"\r\n\r\n" + png() + b"\r\n--b--\r\n"
    answer = client.post("/api/v1/files", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 201, answer.text
    assert answer.json()[0]["name"] == name


def test_a_field_without_a_name_of_a_file_is_no_file(shared: TestClient) -> None:
    """RFC 7578 knows `filename` only, and what sends `filename*` alone is told what is missing."""
    body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''x.png\r\n\r\n" + png() + b"\r\n--b--\r\n"
    answer = shared.post("/api/v1/files", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert error(answer) == (422, "invalid_settings") and "filename" in answer.text


def test_two_forms_that_send_the_same_file_at_once_are_both_answered(make: Make) -> None:
    client, data = make(), png(seed=8)

    async def both() -> list[int]:
        import httpx

        transport = httpx.ASGITransport(app=client.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as web:
            answers = await asyncio.gather(*(web.post("/api/v1/files", files={"file": (f"{at}.png", data)}) for at in range(4)))
            return [answer.status_code for answer in answers]

    assert asyncio.run(both()) == [201] * 4


def test_a_request_that_names_no_host_comes_from_no_browser(shared: TestClient) -> None:
    """Monitors that speak HTTP/1.0 send none."""
    access = shared.app.state.services.access  # type: ignore[attr-defined]
    assert access.is_own_host(None) and not access.is_own_host("") and not access.is_own_host("evil.example")


def test_a_job_in_a_form_may_hold_any_file(client: TestClient) -> None:
    files = {"photo": ("a  b.png", png()), "paint": ("日本.png", style_png())}
    described = {"content": "@photo", "styles": [{"file": "@paint"}], "settings": {"size": 64}}
    answer = client.post("/api/v1/jobs", data={"job": json.dumps(described)}, files=files)
    assert answer.json()["name"] == "a b × 日本"


def test_a_file_of_a_store_elsewhere_is_sent_in_parts_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    store = open_store(f"local://{tmp_path}/elsewhere")
    store.write("files/ab/x", b"0123456789")
    app = FastAPI()
    sent = SentFile(store, "files/ab/x", tag="t", media_type="image/png", headers={})
    app.add_api_route("/", lambda: sent)
    web = TestClient(app, base_url=BASE)
    whole, part = web.get("/"), web.get("/", headers={"Range": "bytes=2-4"})
    assert (whole.content, whole.headers["content-length"], whole.headers["etag"]) == (b"0123456789", "10", '"t"')
    assert (part.status_code, part.content) == (206, b"234")
    assert list((tmp_path / "temporary").iterdir()) == []
