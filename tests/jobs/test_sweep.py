"""Inputs that no job needs go some time after their last use, and no others."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

import pytest
from tests.jobs.conftest import small_request

from impasto.jobs import Queue, Store
from impasto.jobs.store import Remote, file_key, keep_file
from impasto.jobs.sweep import sweep

HOUR = 3600.0


def kept(store: Store, data: bytes, *, hours_ago: float) -> str:
    """An input that was last used some hours ago."""
    sha256 = keep_file(store, data)
    when = time.time() - HOUR * hours_ago
    os.utime(Path(store.url) / file_key(sha256), (when, when))
    return sha256


def swept(queue: Queue, *, unused_s: float, but: Collection[str] = ()) -> list[str]:
    return list(sweep(queue, unused_s=unused_s, but=but))


def test_what_no_job_names_goes_some_time_after_its_last_use(queue: Queue, store: Store) -> None:
    old, fresh = kept(store, b"old", hours_ago=25), kept(store, b"fresh", hours_ago=23)
    again = kept(store, b"again", hours_ago=25)
    assert keep_file(store, b"again") == again  # sent once more
    assert swept(queue, unused_s=24 * HOUR) == [old]
    assert [store.stamp(file_key(one)) is None for one in (old, fresh, again)] == [True, False, False]
    assert swept(queue, unused_s=24 * HOUR) == []
    other = kept(store, b"other", hours_ago=25)
    assert swept(queue, unused_s=24 * HOUR, but={other}) == [] and store.read(file_key(other)) == b"other"
    assert keep_file(store, b"old") == old and store.read(file_key(old)) == b"old"


def test_what_a_job_names_stays_as_long_as_the_job(queue: Queue, store: Store, tmp_path: Path) -> None:
    request = small_request(store, tmp_path)
    job = queue.submit(request)
    names = sorted({ref.sha256 for _, ref in request.roles()})
    assert queue.inputs() == set(names) and len(names) > 1
    for sha256 in names:
        os.utime(Path(store.url) / file_key(sha256), (0, 0))
    assert swept(queue, unused_s=HOUR) == []
    queue.cancel(job.id)
    assert swept(queue, unused_s=HOUR) == []
    queue.delete(job.id)
    assert sorted(swept(queue, unused_s=HOUR)) == names


def test_a_job_uses_what_it_names(queue: Queue, store: Store, tmp_path: Path) -> None:
    request = small_request(store, tmp_path)
    for _, ref in request.roles():
        os.utime(Path(store.url) / file_key(ref.sha256), (0, 0))
    queue.delete(queue.cancel(queue.submit(request).id).id)
    assert swept(queue, unused_s=HOUR) == []


def test_what_is_used_while_it_goes_stays(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256, ask = kept(store, b"old", hours_ago=2), queue.inputs

    def and_then_it_is_used() -> set[str]:
        found = ask()
        assert store.use(file_key(sha256))
        return found

    monkeypatch.setattr(queue, "inputs", and_then_it_is_used)
    assert swept(queue, unused_s=HOUR) == []
    assert store.read(file_key(sha256)) == b"old"


def test_what_was_on_its_way_when_the_server_was_killed_is_put_back(queue: Queue, store: Store) -> None:
    sha256 = kept(store, b"used", hours_ago=0)
    path = Path(store.url) / file_key(sha256)
    path.rename(path.with_name(f".{sha256}.going"))
    assert not store.use(file_key(sha256))
    assert swept(queue, unused_s=HOUR) == []
    assert store.read(file_key(sha256)) == b"used"


def test_nothing_is_swept_where_another_database_had_jobs(store: Store, tmp_path: Path) -> None:
    first, sha256 = Queue(store), kept(store, b"of a job that waits elsewhere", hours_ago=2)
    assert first.alone
    other = Queue(store, f"sqlite:///{tmp_path / 'other.sqlite'}")
    for queue in (first, other):
        assert not queue.alone and swept(queue, unused_s=HOUR) == []
        queue.close()
    assert store.use(file_key(sha256))


def test_nothing_is_swept_where_several_servers_may_be(tmp_path: Path) -> None:
    shared = Remote(str(tmp_path / "shared"))
    queue = Queue(shared, f"sqlite:///{tmp_path / 'queue.sqlite'}")
    sha256 = kept(shared, b"shared", hours_ago=2)
    assert Path(shared.url, file_key(sha256)).is_file()
    assert swept(queue, unused_s=HOUR) == [] and shared.use(file_key(sha256)) and not shared.use(file_key("0" * 64))
    queue.close()


def test_what_is_no_input_is_left_alone_and_holds_up_nothing(queue: Queue, store: Store) -> None:
    old = sorted(kept(store, bytes([at]), hours_ago=2) for at in range(9))
    folder = Path(store.url) / "files"
    (folder / "ab").mkdir(exist_ok=True)
    (folder / "ab" / "notes.txt").write_text("mine")
    os.utime(folder / "ab" / "notes.txt", (0, 0))
    stuck = folder / old[0][:2] / f".{old[0]}.going"
    stuck.mkdir()
    (stuck / "in the way").write_text("")
    assert sorted(swept(queue, unused_s=HOUR)) == old[1:]
    assert (folder / "ab" / "notes.txt").read_text() == "mine"


def test_what_was_sent_again_after_a_kill_keeps_its_time(queue: Queue, store: Store) -> None:
    sha256 = kept(store, b"used", hours_ago=2)
    path = Path(store.url) / file_key(sha256)
    path.rename(path.with_name(f".{sha256}.going"))
    assert keep_file(store, b"used") == sha256
    assert swept(queue, unused_s=HOUR) == [] and [one.name for one in path.parent.iterdir()] == [sha256]
