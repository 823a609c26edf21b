"""A data location that went away under its users: nothing is written elsewhere, and nothing is accepted."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
from tests.jobs.conftest import small_request
from tests.jobs.test_worker import until

from impasto.errors import InputError, Unavailable
from impasto.jobs import Queue, Request, Store, open_store
from impasto.jobs.database import database_file, database_url, prepared
from impasto.jobs.painter import Painter
from impasto.jobs.queue import MOST_PLACES, answered
from impasto.jobs.store import Missing
from impasto.jobs.supervise import Workers
from impasto.jobs.telling import Telling


def test_nothing_is_written_where_the_folder_is_not_the_one_that_was_opened(tmp_path: Path) -> None:
    folder, away, sent = tmp_path / "data", tmp_path / "away", tmp_path / "sent"
    store = open_store(folder)
    sent.write_bytes(b"sent")
    folder.rename(away)
    for instead in (lambda: None, folder.mkdir, lambda: open_store(folder)):
        instead()
        with pytest.raises(Unavailable, match="moved, removed or unmounted"):
            store.write("files/ab/x", b"lost")
        with pytest.raises(Unavailable):
            store.send("files/ab/x", sent)
        assert not (folder / "files").exists() and sent.exists()
    shutil.rmtree(folder)
    away.rename(folder)
    store.write("files/ab/x", b"kept")
    assert store.read("files/ab/x") == b"kept"


def test_a_second_opener_knows_the_same_folder(tmp_path: Path) -> None:
    first, second = open_store(tmp_path / "data"), open_store(tmp_path / "data")
    first.write("files/ab/x", b"1")
    second.check()
    first.check()


def test_a_job_is_refused_where_the_queue_is_not_the_one_that_was_opened(store: Store, tmp_path: Path) -> None:
    queue, folder = Queue(store), Path(store.url)
    request = small_request(store, tmp_path)
    file, copy = folder / "queue.sqlite", tmp_path / "copy"
    shutil.copyfile(file, copy)
    file.rename(tmp_path / "away")
    copy.rename(file)  # the same jobs, but another file than the open one
    with pytest.raises(Unavailable, match="queue's file"):
        queue.submit(request)
    (tmp_path / "away").rename(file)
    assert queue.submit(request).state == "queued"
    queue.close()


def test_a_folder_that_cannot_be_written_to_is_opened_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "touch", refused)
    open_store(tmp_path / "data").check()


@pytest.mark.parametrize(("limit", "number"), [("max_page_count = 1", errno.ENOSPC), ("query_only = 1", errno.EROFS)])
def test_why_a_database_does_not_answer_is_known(tmp_path: Path, limit: str, number: int) -> None:
    """A page limit is to SQLite what a full disk is."""
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")

    def write() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS a (b)")
            connection.exec_driver_sql(f"PRAGMA {limit}")
            connection.exec_driver_sql("INSERT INTO a SELECT hex(randomblob(9000))")

    with pytest.raises(Unavailable) as raised:
        answered(write)
    assert raised.value.data["errno"] == number
    engine.dispose()


def test_what_went_away_with_all_others_is_not_missing(tmp_path: Path) -> None:
    folder, key = tmp_path / "data", "files/ab/x"
    store = open_store(folder)
    store.write(key, b"x")

    def there() -> bytes:
        with store.local(key) as path:
            return path.read_bytes()

    looks: tuple[Callable[[], object], ...] = (lambda: store.read(key), lambda: store.stamp(key), lambda: store.use(key), there)
    folder.rename(tmp_path / "away")
    for instead in (lambda: None, folder.mkdir):
        instead()
        for look in looks:
            with pytest.raises(Unavailable):
                look()
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    store.remove(key)
    assert (store.stamp(key), store.use(key)) == (None, False)
    for look in (looks[0], looks[3]):
        with pytest.raises(Missing):
            look()


@pytest.mark.timeout(300)
def test_a_worker_that_starts_while_the_data_are_away_makes_no_others_and_finds_them_when_they_are_back(
    store: Store, tmp_path: Path
) -> None:
    queue, folder, away = Queue(store), Path(store.url), tmp_path / "away"
    workers = Workers(store.url, queue.database, mark=store.mark, threads=1)
    folder.rename(away)
    workers.start()
    try:
        until(lambda: workers._deaths[0] > 0)
        assert not folder.exists()
        folder.mkdir()  # a mount point without its share
        deaths = workers._deaths[0]
        until(lambda: workers._deaths[0] > deaths + 1)
        assert list(folder.iterdir()) == []
        folder.rmdir()
        away.rename(folder)
        until(lambda: (process := workers._processes[0]) is not None and process.ready)
        assert workers.failed is None
    finally:
        workers.stop()
        queue.close()


def test_a_worker_makes_no_queue_in_place_of_one_that_went_away(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="queue's file was moved or removed"):
        prepared(f"sqlite:///{tmp_path / 'queue.sqlite'}", new=False)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_makes_no_folder_where_the_data_were(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "away")
    with pytest.raises(Unavailable), Painter(store)._beside("ab"):
        pass
    assert not (tmp_path / "data").exists()


def test_what_cannot_be_told_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    telling, run = Telling(open_store(tmp_path / "data"), "ab"), SimpleNamespace(records=[])
    (tmp_path / "data").rename(tmp_path / "away")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            telling.end(run)  # type: ignore[arg-type]
    assert [record.message.partition(":")[0] for record in caplog.records] == ["not told"]


@pytest.mark.parametrize("name", [b"50% done", b"%41", b"what?", b"a#b", "Ü".encode(), b"caf\xe9 % ?"])
def test_a_folder_of_any_name_holds_the_queue(tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    try:
        folder.mkdir()
    except OSError:
        return  # this file system takes no such name
    store = open_store(folder)
    queue = Queue(store)
    request = small_request(store, tmp_path)
    job = queue.submit(request).id
    queue.close()
    assert (folder / "queue.sqlite").is_file() and database_file(database_url(store, None)) == folder / "queue.sqlite"
    again = Queue(open_store(folder))
    assert [one.id for one in again.jobs()] == [job]
    again.check()
    again.close()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [folder.name]


def test_a_full_disk_is_no_reason_to_remove_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "picture.png").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="is no queue"):
        prepared(f"sqlite:///{tmp_path / 'picture.png'}")

    def full(*_: Any, **__: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(Unavailable, match="disk is full; try again") as raised:
        prepared(f"sqlite:///{tmp_path / 'queue.sqlite'}")
    assert "remove" not in str(raised.value)


def test_places_and_counts_cost_no_more_for_a_longer_queue(
    queue: Queue, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    client = queue._client

    def counting(ask: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def counted(**given: Any) -> list[Any]:
            rows = ask(**given)
            asked.append(len(rows))
            return rows

        return counted

    for name in ("list_workflows", "list_queued_workflows"):
        monkeypatch.setattr(client, name, counting(getattr(client, name)))
    monkeypatch.setattr("impasto.jobs.queue.MOST_PLACES", 3)
    ids = [queue.submit(request_).id for _ in range(9)]
    asked.clear()
    assert queue.count(states=("queued", "running"), most=2) == 2
    assert queue.get(ids[0]).position is None
    assert max(asked) == 4 and MOST_PLACES > 200
    for job in ids[3:]:
        queue.cancel(job)
    assert [queue.get(job).position for job in ids[:3]] == [1, 2, 3]
