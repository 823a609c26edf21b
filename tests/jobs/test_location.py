"""A data location that went away under its users: nothing is written elsewhere, and nothing is accepted."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from tests.jobs.conftest import small_request

from impasto.errors import Unavailable
from impasto.jobs import Queue, Request, Store, open_store
from impasto.jobs.queue import MOST_PLACES, answered


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
