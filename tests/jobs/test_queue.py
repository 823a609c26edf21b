"""The laws of the queue, on both kinds of database, without a worker."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.jobs.conftest import small_request

from impasto.errors import InputError, InvalidSettings, Unavailable
from impasto.jobs import Queue, Request, Store
from impasto.jobs.job import Progress
from impasto.jobs.queue import Conflict, UnknownJob
from impasto.jobs.request import parse_request
from impasto.jobs.store import Missing, job_key


def test_a_job_is_there_for_another_process(queue: Queue, request_: Request) -> None:
    job = queue.submit(request_, owner="ann", facts={"a": 1})
    with closing(Queue(queue.store, queue.database)) as elsewhere:
        other = elsewhere.get(job.id)
    assert (other.state, other.owner, other.facts, other.request) == ("queued", "ann", {"a": 1}, request_)
    assert other.position == 1


def test_an_id_is_used_once(queue: Queue, request_: Request) -> None:
    first = queue.submit(request_, job="a" * 32)
    again = queue.submit(request_, job="a" * 32)
    assert first.id == again.id and len(queue.jobs()) == 1
    with pytest.raises(Conflict):
        queue.submit(request_.model_copy(update={"settings": {**request_.settings, "seed": 1}}), job="a" * 32)


def test_priority_goes_before_age(queue: Queue, request_: Request) -> None:
    late = queue.submit(request_, priority=200)
    early = queue.submit(request_, priority=1)
    assert [queue.get(job.id).position for job in (early, late)] == [1, 2]


def test_a_waiting_job_is_paused_continued_and_cancelled(queue: Queue, request_: Request) -> None:
    job = queue.submit(request_)
    assert queue.pause(job.id).state == "paused"
    assert queue.resume(job.id).state == "queued"
    assert queue.cancel(job.id).state == "cancelled"
    assert queue.resume(job.id).state == "queued"
    with pytest.raises(Conflict):
        queue.delete(job.id)
    queue.cancel(job.id)
    queue.delete(job.id)
    with pytest.raises(UnknownJob):
        queue.get(job.id)


def test_a_page_goes_on_behind_the_last_one(queue: Queue, request_: Request) -> None:
    ids = [queue.submit(request_).id for _ in range(5)]
    first = queue.jobs(limit=2)
    rest = queue.jobs(limit=9, before=first[-1].id)
    assert {job.id for job in (*first, *rest)} == set(ids) and len(first) + len(rest) == 5


def test_lists_are_by_state_and_owner(queue: Queue, request_: Request) -> None:
    mine = queue.submit(request_, owner="ann")
    queue.cancel(queue.submit(request_, owner="bob").id)
    assert [job.id for job in queue.jobs(states=("queued",))] == [mine.id]
    assert [job.owner for job in queue.jobs(owner="bob")] == ["bob"]
    assert queue.count(states=("queued",), owner="ann") == 1 and queue.count(states=("queued",), owner="bob") == 0


def test_a_repetition_has_the_changes_and_the_same_files(queue: Queue, request_: Request) -> None:
    job = queue.submit(request_)
    other = queue.repeat(job.id, {"size": 64, "iterations": None}, name="larger")
    assert other.request.settings == {
        name: value for name, value in {**request_.settings, "size": 64}.items() if name != "iterations"
    }
    assert (other.request.content, other.request.parent, other.request.name) == (request_.content, job.id, "larger")
    with pytest.raises(Conflict):
        queue.more(job.id, 10)


def test_what_is_wrong_is_refused_before_it_is_queued(queue: Queue, request_: Request) -> None:
    values = request_.model_dump()
    for wrong in ({"strength": 2}, {"nonsense": 1}, {"preset": "none"}):
        with pytest.raises(InvalidSettings):
            parse_request({**values, "settings": wrong})
    with pytest.raises(InvalidSettings, match="styles"):
        parse_request({**values, "styles": []})
    with pytest.raises(Missing):
        queue.submit(request_.model_copy(update={"content": request_.content.model_copy(update={"sha256": "0" * 64})}))  # type: ignore[union-attr]
    assert queue.jobs() == []


def test_progress_is_what_the_worker_wrote(queue: Queue, request_: Request) -> None:
    job = queue.submit(request_)
    assert job.progress is None
    queue.store.write(
        job_key(job.id, "progress.json"),
        b'{"step":1,"steps":4,"level":1,"levels":1,"width":60,"height":40,"iteration":1,"iterations":3,'
        b'"loss":2.5,"parts":{"style":1.0},"seconds":1.0,"seconds_left":2.0}',
    )
    assert queue.get(job.id).progress == Progress(1, 4, 1, 1, 60, 40, 1, 3, 2.5, {"style": 1.0}, 1.0, 2.0)
    queue.store.write(job_key(job.id, "progress.json"), b"{half")
    assert queue.get(job.id).progress is None


def test_a_database_that_is_gone_is_said_and_survived(store: Store, tmp_path: Path) -> None:
    queue = Queue(store)
    request = small_request(store, tmp_path)
    queue.submit(request)
    database, away = tmp_path / "data" / "queue.sqlite", tmp_path / "away"
    queue.close()
    database.rename(away)
    database.mkdir()
    with pytest.raises(Unavailable):
        queue.jobs()
    database.rmdir()
    away.rename(database)
    assert len(queue.jobs()) == 1
    queue.close()


@pytest.mark.parametrize(
    ("url", "kind"), [("postgresql://ann:secret@127.0.0.1:1/x", Unavailable), ("postgresql://ann:secret@host:abc/x", InputError)]
)
def test_a_database_that_cannot_be_used_is_named_in_one_line_without_its_password(
    store: Store, url: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        Queue(store, url)
    assert url.replace(":secret", "") in str(caught.value)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_names_that_are_no_utf_8_survive_the_queue(queue: Queue, request_: Request) -> None:
    odd = "caf\udce9.safetensors"
    request = request_.model_copy(update={"settings": {**request_.settings, "network": odd}})
    assert queue.get(queue.submit(request).id).request == request


def test_nothing_here_loads_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from impasto.jobs import Queue, open_store; from impasto.batch import Batch; import impasto.jobs.supervise;"
        f"Queue(open_store({str(tmp_path / 'x')!r})).jobs();"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
