"""Data that went away, a disk that is full or read-only, workers that do not start: said in words, and nothing is accepted."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.server.conftest import Make
from tests.server.faked import TestClient, job_body, png, send, submit

from impasto.errors import InputError
from impasto.jobs import Queue, open_store
from impasto.server import problems
from impasto.server.data_watch import DataWatch
from impasto.server.serving import Options, opened
from impasto.server.temporary import make_room, temporary_files
from impasto.server.vanished import remember, require_back

pytestmark = pytest.mark.xdist_group("server")


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_where_the_data_went_away_nothing_is_accepted_until_they_are_back(client: TestClient, queue: Queue) -> None:
    body, folder = job_body(client), Path(queue.store.url)
    away = folder.with_name("elsewhere")
    folder.rename(away)
    for again in range(2):
        health = client.get("/healthz")
        assert (health.status_code, health.json()["ok"], health.json()["data"]) == (503, False, False)
        assert "moved, removed or unmounted" in health.json()["reason"] and str(folder) not in health.text
        assert error(client.post("/api/v1/jobs", json=body)) == (503, "unavailable")
        assert error(client.post("/api/v1/files", files={"file": ("x.png", png())})) == (503, "unavailable")
        assert error(client.get("/api/v1/jobs")) == error(client.get("/api/v1/events")) == (503, "unavailable")
        assert client.get("/api/v1/about").status_code == 200
        assert list(folder.glob("*")) == [] if again else not folder.exists()
        folder.mkdir(exist_ok=True)  # as a mount point is there without its share
    folder.rmdir()
    away.rename(folder)
    assert client.get("/healthz").json() == {"ok": True, "data": True, "database": True, "workers": 0, "reason": None}
    assert client.post("/api/v1/jobs", json=body).status_code == 201


def test_a_server_without_its_data_ends_and_the_next_start_waits_for_them(
    queue: Queue, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "user"))
    folder, ended = Path(queue.store.url), []
    away = folder.with_name("elsewhere")
    watch = DataWatch(queue, lambda: ended.append(True), every_s=0.001, grace_s=0.01)
    folder.rename(away)
    asyncio.run(watch.run())
    assert ended == [True] and watch.reason is not None
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    for instead in (lambda: None, folder.mkdir):
        instead()
        with (
            pytest.raises(InputError, match="while a server used it, and is not back"),
            opened(Options(str(folder))),
        ):
            pass
    folder.rmdir()
    assert not folder.exists()
    away.rename(folder)
    for _ in range(2):
        with opened(Options(str(folder))) as again:
            assert again.jobs() == []


def test_data_that_come_back_in_time_are_gone_on_with(queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "user"))
    folder = Path(queue.store.url)
    away = folder.with_name("elsewhere")
    watch = DataWatch(queue, lambda: pytest.fail("it is back"), every_s=0.001, grace_s=60)

    async def moved_and_back() -> None:
        folder.rename(away)
        task = asyncio.create_task(watch.run())
        while not list((tmp_path / "user").rglob("*.json")):
            await asyncio.sleep(0.001)
        away.rename(folder)
        while list((tmp_path / "user").rglob("*.json")):
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(asyncio.wait_for(moved_and_back(), 20))
    assert watch.reason is None


def test_a_note_of_a_lost_folder_can_be_removed(queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "user"))
    lost = open_store(tmp_path / "lost")
    remember(lost)  # type: ignore[arg-type]
    for path in sorted((tmp_path / "lost").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    with pytest.raises(InputError) as raised, opened(Options(str(tmp_path / "lost"))):
        pass
    (note,) = (tmp_path / "user").rglob("*.json")
    assert str(note) in str(raised.value)
    note.unlink()
    with opened(Options(str(tmp_path / "lost"))):
        pass


def test_data_that_do_not_answer_are_not_back(queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "user"))
    remember(queue.store)  # type: ignore[arg-type]

    def stale(path: Path) -> bool:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))

    monkeypatch.setattr(Path, "exists", stale)
    with pytest.raises(InputError, match="is not back"):
        require_back(queue.store.url)
    monkeypatch.undo()
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "user"))
    require_back(queue.store.url)
    assert list((tmp_path / "user").rglob("*.json")) == []


def test_a_cleaner_of_temporary_files_changes_nothing(queue: Queue, make: Make) -> None:
    with temporary_files(queue.store):
        client = make()
        (sent,) = send(client, ("cat.png", png()))
        (Path(queue.store.url) / "temporary").rmdir()
        assert client.get(f"/api/v1/files/{sent['id']}/thumbnail").status_code == 200
        assert list((Path(queue.store.url) / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "right"),
    [
        (errno.ENOSPC, (507, "no_space")),
        (errno.EDQUOT, (507, "no_space")),
        (errno.EROFS, (503, "unavailable")),
        (errno.EACCES, (503, "unavailable")),
        (errno.EIO, (503, "unavailable")),
        (errno.EMFILE, (503, "unavailable")),
        (errno.ENOENT, (500, "unexpected")),
    ],
)
def test_what_the_disk_says_is_told_in_words(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, number: int, right: tuple[int, str]
) -> None:
    body = job_body(client)

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number), "/srv/my data/queue")

    monkeypatch.setattr(tempfile, "mkstemp", refused)
    answer = client.post("/api/v1/files", files={"file": ("x.png", png(seed=2))})
    assert error(answer) == right and "/srv" not in answer.text
    if number != errno.ENOENT:
        monkeypatch.undo()
        monkeypatch.setattr("impasto.files.os.open", refused)
        answer = client.post("/api/v1/files", files={"file": ("x.png", png(seed=3))})
        assert error(answer) == right and "/srv" not in answer.text
    monkeypatch.undo()
    assert client.post("/api/v1/jobs", json=body).status_code == 201


def test_health_tells_of_a_disk_that_takes_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    full = client.get("/healthz")
    assert (full.status_code, full.json()["data"], "disk is full" in full.json()["reason"]) == (503, False, True)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be written to" in client.get("/healthz").json()["reason"]
    monkeypatch.undo()
    assert client.get("/healthz").json()["ok"] is True


def test_nothing_raises_while_an_error_is_told(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> None:
    def nobody(*_: Any) -> Any:
        raise RuntimeError("Could not determine home directory.")

    def nowhere(*_: Any) -> Any:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert problems.without_paths("see /srv/a/b") == "see the file"
    assert error(client.get("/api/v1/files/" + "0" * 64)) == (404, "unknown")


@pytest.mark.parametrize(
    ("text", "folder", "right"),
    [
        ("/srv/My Data/files/ab/ab12 is damaged", "/srv/My Data", "the file is damaged"),
        ("content '/srv/data/files/ab': no", None, "content 'the file': no"),
        (r"C:\Users\ann\x.png is gone", None, "the file is gone"),
        ("see https://example.org/a/b", None, "see https://example.org/a/b"),
        ("3/4 of it", None, "3/4 of it"),
    ],
)
def test_messages_name_no_paths(text: str, folder: str | None, right: str) -> None:
    assert problems.without_paths(text, folder) == right


def test_uploads_wait_in_the_data_folder(queue: Queue) -> None:
    before = tempfile.gettempdir()
    with temporary_files(queue.store):
        place = Path(queue.store.url) / "temporary"
        assert tempfile.gettempdir() == str(place) and place.is_dir()
        place.rmdir()  # a cleaner
        make_room(queue.store)
        with tempfile.NamedTemporaryFile() as file:
            assert Path(file.name).parent == place
    assert tempfile.gettempdir() == before


def test_a_server_of_files_elsewhere_needs_a_folder_for_temporary_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Any:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with pytest.raises(InputError, match="TMPDIR"), temporary_files(open_store(f"local://{tmp_path}/x")):
        pass


def test_workers_that_cannot_start_are_told_of(client: TestClient, queue: Queue) -> None:
    services = client.app.state.services  # type: ignore[attr-defined]
    services.workers = SimpleNamespace(failed=None)
    assert client.get("/healthz").json()["ok"] is True
    services.workers = SimpleNamespace(failed="no worker can start, after 3 tries: /srv/x/lib.so is missing")
    health = client.get("/healthz")
    assert (health.status_code, health.json()["workers"], health.json()["ok"]) == (503, 0, False)
    assert health.json()["reason"] == "no worker can start, after 3 tries: the file is missing"
    assert submit(client)["state"] == "queued"  # one that is started elsewhere makes it
    queue.store.write("workers/w", json.dumps({"count": 1, "time": time.time()}).encode())
    assert client.get("/healthz").json() == {"ok": True, "data": True, "database": True, "workers": 1, "reason": None}


def test_what_is_left_of_files_that_are_gone_is_swept(make: Make, queue: Queue) -> None:
    client = make()
    services, folder = client.app.state.services, Path(queue.store.url)  # type: ignore[attr-defined]
    (sent,) = send(client, ("cat.png", png()))
    client.get(f"/api/v1/files/{sent['id']}/thumbnail")
    job = submit(client)["id"]
    left = [f"thumbnails/ab/{'ab' * 32}-64.webp", f"facts/ab/{'ab' * 32}", f"names/ab/{'ab' * 32}/nobody"]
    left += [f"jobs/{'0' * 32}/small-64-1.webp", f"jobs/{'0' * 32}/result-1-95.jpg", "temporary/impasto-x", "temporary/y/z"]
    for name in left:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    services.sweep()
    assert all((folder / name).exists() for name in left)  # they may be in the making
    kept = {path for path in folder.rglob("*") if path.is_file()} - {folder / name for name in left}
    for path in folder.rglob("*"):
        if sent["id"] not in path.name and "files" not in path.parts:
            os.utime(path, (0, 0))
    services.sweep()
    assert [name for name in left if (folder / name).exists()] == []
    assert {path for path in kept if not path.exists()} == set()
    assert client.get(f"/api/v1/jobs/{job}").status_code == 200
