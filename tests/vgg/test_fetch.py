"""Fetching from a server that misbehaves in every way, on this machine."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from filelock import FileLock

from impasto.errors import DownloadError, OutputError, UnknownName
from impasto.vgg import fetch as fetching
from impasto.vgg import weights
from impasto.vgg.download import Failed, Pace, receive
from impasto.vgg.fetch import FETCHABLE, Remote, fetch

QUICK = Pace(attempts=3, pause_s=0.01, silence_s=2.0)
NAME = "vgg16-torchvision"


class Server:
    """Serves `body`; `breaks_after` bytes it drops the line, as often as `breaks` says."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.breaks_after, self.breaks = 0, 0
        self.ignores_range = False
        self.statuses: list[int] = []  # answered before anything else
        self.ranges: list[str | None] = []
        self.url = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        if self.statuses:
            request.send_error(self.statuses.pop(0))
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not self.ignores_range else 0
        if start >= len(self.body):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(self.body) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        request.end_headers()
        end = len(self.body)
        if self.breaks > 0:
            self.breaks -= 1
            end = start + self.breaks_after
        request.wfile.write(self.body[start:end])


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], Server]]:
    monkeypatch.setenv("no_proxy", "*")
    running: list[ThreadingHTTPServer] = []

    def start(body: bytes) -> Server:
        server = Server(body)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        listening.daemon_threads = True
        Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(listening)
        server.url = f"http://127.0.0.1:{listening.server_port}/vgg16-00000000.pth"
        return server

    yield start
    for listening in running:
        listening.shutdown()
        listening.server_close()


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory, write: SimpleNamespace) -> bytes:
    path = tmp_path_factory.mktemp("served") / "a.pth"
    write.pth(path, write.placeholder())
    return path.read_bytes()


@pytest.fixture
def server(serve: Callable[[bytes], Server], body: bytes, monkeypatch: pytest.MonkeyPatch) -> Server:
    server = serve(body)
    remote = Remote(server.url, hashlib.sha256(body).hexdigest(), len(body), "torchvision")
    monkeypatch.setitem(FETCHABLE, NAME, remote)
    monkeypatch.setattr(fetching, "import_file", light_import)
    return server


def light_import(path: Path, *, name: str, convention: str) -> Path:
    """Keeps the bytes as they are: what happens to them is of no matter to most tests here."""
    return Path(shutil.copy(path, weights.data_dir() / f"{name}.safetensors"))


def left() -> list[str]:
    return sorted(path.name for path in weights.data_dir().iterdir() if not path.name.endswith(".lock"))


def test_a_network_is_fetched_verified_and_imported(server: Server, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "import_file", weights.import_file)
    seen: list[tuple[int, int | None]] = []
    kept = fetch(NAME, progress=lambda got, total: seen.append((got, total)), pace=QUICK)
    found = weights.load(NAME)
    assert seen[-1] == (len(body), len(body))
    assert left() == [kept.name]
    assert found.convention == weights.CONVENTIONS["torchvision"]
    assert found.source == "vgg16-00000000.pth"
    assert fetch(NAME, pace=QUICK) == kept
    assert len(server.ranges) == 1


def test_a_broken_line_is_resumed_where_it_broke(server: Server) -> None:
    server.breaks, server.breaks_after = 2, 1000
    fetch(NAME, pace=QUICK)
    assert server.ranges == [None, "bytes=1000-", "bytes=2000-"]


def test_a_later_call_resumes_what_an_earlier_one_left(server: Server) -> None:
    server.breaks, server.breaks_after = 3, 500
    with pytest.raises(DownloadError, match=r"broke after 1500 of .* bytes; try again, which goes on"):
        fetch(NAME, pace=QUICK)
    assert left() == ["vgg16-00000000.pth.part"]
    fetch(NAME, pace=QUICK)
    assert server.ranges[-1] == "bytes=1500-"


def test_a_server_that_ignores_ranges_is_read_from_the_start(server: Server) -> None:
    server.breaks, server.breaks_after, server.ignores_range = 1, 1000, True
    fetch(NAME, pace=QUICK)
    assert server.ranges == [None, "bytes=1000-"]


def test_passing_faults_are_retried(server: Server) -> None:
    server.statuses = [503, 429]
    fetch(NAME, pace=QUICK)
    assert len(server.ranges) == 3


def test_wrong_bytes_are_deleted(server: Server, body: bytes) -> None:
    server.body = body[:-1] + b"x"
    with pytest.raises(DownloadError, match=r"not the right file .sha256 .* was deleted"):
        fetch(NAME, pace=QUICK)
    assert left() == []


def test_a_part_longer_than_the_file_is_deleted_by_its_hash(server: Server, body: bytes) -> None:
    weights.data_dir().mkdir()
    (weights.data_dir() / "vgg16-00000000.pth.part").write_bytes(body + b"more")
    with pytest.raises(DownloadError, match="was deleted"):
        fetch(NAME, pace=QUICK)
    fetch(NAME, pace=QUICK)


def test_a_complete_part_is_not_asked_for_again(server: Server, body: bytes) -> None:
    weights.data_dir().mkdir()
    (weights.data_dir() / "vgg16-00000000.pth.part").write_bytes(body)
    fetch(NAME, pace=QUICK)
    assert server.ranges == []


def test_a_missing_file_is_not_retried_and_says_the_three_things_to_do(server: Server) -> None:
    server.statuses = [404, 404]
    with pytest.raises(DownloadError) as caught:
        fetch(NAME, pace=QUICK)
    message = str(caught.value)
    assert "404" in message
    for advice in ("try again", f"{server.url} by hand", "impasto weights import FILE", "embedded vgg19"):
        assert advice in message
    assert len(server.ranges) == 1


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(FETCHABLE, NAME, Remote("http://127.0.0.1:9/a.pth", "0" * 64, 10, "torchvision"))
    with pytest.raises(DownloadError, match="could not be reached"):
        fetch(NAME, pace=QUICK)


def test_a_line_that_breaks_often_but_brings_much_gets_there(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096 * 5
    server = serve(data)
    server.breaks, server.breaks_after = 4, (1 << 20) + 1
    receive(server.url, tmp_path / "a", size=len(data), progress=None, pace=Pace(1, 0.01, 2.0))
    assert (tmp_path / "a").read_bytes() == data


def test_a_416_ends_the_download(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    server = serve(b"abc")
    (tmp_path / "a").write_bytes(b"abc")
    receive(server.url, tmp_path / "a", size=5, progress=None, pace=QUICK)
    assert server.ranges == ["bytes=3-"]


def test_silence_ends_in_a_passing_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Failed, match="fell silent") as caught:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        receive(url, tmp_path / "a", size=5, progress=None, pace=Pace(1, 0.01, 0.1))
    assert caught.value.passing


def test_a_place_that_cannot_be_written_is_an_output_error(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        receive(serve(b"abc").url, tmp_path / "no" / "a", size=3, progress=None, pace=QUICK)


def test_two_at_once_are_kept_apart(server: Server) -> None:
    weights.data_dir().mkdir()
    with FileLock(weights.data_dir() / f".{NAME}.lock"), pytest.raises(DownloadError, match="another impasto"):
        fetch(NAME, pace=QUICK)
    fetch(NAME, pace=QUICK)


def test_an_unknown_network_proposes_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean vgg19-torchvision"):
        fetch("vgg19-torch")


def test_names_hashes_and_files_of_the_table_agree() -> None:
    assert list(FETCHABLE) == ["vgg19-torchvision", "vgg16-torchvision"]
    for remote in fetching.FETCHABLE.values():
        assert remote.url.startswith("https://")
        assert remote.url.endswith(f"-{remote.sha256[:8]}.pth")
