"""Pictures come into the batch's folder without replacing what impasto did not make, and nothing computed is lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.jobs.conftest import picture

from impasto.batch import Batch, Outcome, Row, making
from impasto.batch.folder import alone, own_place
from impasto.batch.report import write_report
from impasto.errors import InputError, Unavailable
from impasto.jobs import Job, Queue, open_store
from impasto.jobs.job import Made
from impasto.jobs.store import job_key

SETTINGS = {"size": 48, "iterations": 1}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    picture(tmp_path, "photo")
    picture(tmp_path, "paint", 1)
    return tmp_path


@pytest.fixture
def queue(files: Path) -> Iterator[Queue]:
    with closing(Queue(open_store(own_place(files / "out")))) as made:
        yield made


def submitted(queue: Queue, *rows: Row) -> Batch:
    batch = Batch(rows, Path("out").absolute(), queue, SETTINGS, suffix=".png")
    batch.submit()
    return batch


def row(name: str, content: str = "photo.png") -> Row:
    return Row(content, ("paint.png",), name)


def finished(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all jobs look as a worker leaves them when it has made their pictures."""
    find = queue.find

    def found(jobs: list[str]) -> list[Job]:
        return [replace(job, state="finished", made=Made(48, 32, 1.0, 0.5)) for job in find(jobs)]

    for job in queue.jobs(states=("queued",)):
        queue.store.write(job_key(job.id, "result.png"), b"picture")
        queue.store.write(job_key(job.id, "manifest.json"), b'{"format": "impasto-manifest 1"}')
    monkeypatch.setattr(queue, "find", found)


def test_a_file_that_impasto_did_not_make_is_not_replaced(queue: Queue) -> None:
    Path("out/mine.png").write_bytes(b"a user's picture")
    batch = submitted(queue, row("mine"), row("good"))
    assert batch.outcomes["mine"].state == "failed" and "was not made by impasto" in (batch.outcomes["mine"].message or "")
    assert batch.at_hand == 1 and Path("out/mine.png").read_bytes() == b"a user's picture"


def test_an_input_is_not_replaced_even_if_impasto_made_it(queue: Queue) -> None:
    shutil.copy("photo.png", "out/photo.png")
    Path("out/photo.png.json").write_text('{"format": "impasto-manifest 1"}')
    batch = submitted(queue, row("photo", "out/photo.png"))
    assert "is an input of this batch" in (batch.outcomes["photo"].message or "")


def test_a_pipe_fails_alone_and_nothing_waits_for_it(queue: Queue) -> None:
    os.mkfifo("live.png")
    batch = submitted(queue, row("live", "live.png"), row("good"))
    assert batch.outcomes["live"].message == "live.png is a pipe, not a file" and batch.at_hand == 1


@pytest.mark.parametrize("name", ["caf\udce9", "画", "a\nb", "x" * 180])
def test_any_name_that_the_system_has_is_submitted(queue: Queue, name: str) -> None:
    shutil.copy("photo.png", f"{name}.png")
    batch = submitted(queue, row(f"{name}_paint", f"{name}.png"))
    assert batch.at_hand == 1, batch.outcomes


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "n" * 250])
def test_a_name_that_the_system_has_not_fails_alone(queue: Queue, name: str) -> None:
    batch = submitted(queue, row(name), row(name, f"{name}.png"), row("good"))
    assert batch.outcomes[name].state == "failed" and batch.at_hand == 1


def test_a_picture_that_cannot_be_placed_is_kept_for_the_next_start(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = submitted(queue, row("good"))
    finished(queue, monkeypatch)
    Path("out/good.png.json").mkdir()  # in the way of the record
    list(batch.watch(stop=lambda: False))
    assert batch.outcomes["good"].state == "stopped" and batch.unfinished == 1
    Path("out/good.png.json").rmdir()
    again = submitted(queue, row("good"))
    list(again.watch(stop=lambda: False))
    assert again.outcomes["good"].state == "made" and Path("out/good.png").read_bytes() == b"picture"


def test_a_folder_that_was_removed_ends_the_batch_in_words(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = submitted(queue, row("good"))
    monkeypatch.setattr(making, "_GONE_S", 0.5)
    shutil.rmtree("out")
    with pytest.raises(Unavailable, match="moved"):
        list(batch.watch(stop=lambda: False))


def test_a_disk_that_stays_full_ends_the_batch_in_words(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = submitted(queue, row("good"))
    monkeypatch.setattr(making, "_FULL_S", 0.5)
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
        list(batch.watch(stop=lambda: False))
    stopped = batch.outcomes["good"]
    assert stopped.state == "stopped" and "disk is full" in str(stopped.message) and "goes on with it" in str(stopped.message)
    assert (batch.unfinished, batch.at_hand) == (1, 0)
    assert submitted(queue, row("good")).at_hand == 1, "a new start finds the job"


def test_a_report_tells_names_that_are_no_unicode_and_links_to_their_bytes(files: Path) -> None:
    out = files / "made"
    out.mkdir()
    made = Outcome(row("caf\udce9"), "made", out / "caf\udce9.png", 1.0, 0.5)
    failed = Outcome(row("b\udce9\x1b"), "failed", out / "b.png", message="caf\udce9 cannot be read")
    written = write_report(out, [made, failed], seconds=1.0, unfinished=0)
    assert json.loads(written.report.read_text("utf-8"))["pictures"][0]["picture"] == "caf\udce9.png"
    page = written.page.read_text("utf-8")
    assert 'src="caf%E9.png"' in page and "caf\ufffd cannot be read" in page and "\x1b" not in page


def test_a_report_replaces_an_older_one_and_no_file_of_the_users(files: Path) -> None:
    out = files / "made"
    out.mkdir()
    first = write_report(out, [], seconds=1.0, unfinished=0)
    assert write_report(out, [], seconds=2.0, unfinished=0) == first
    (out / "index.html").write_text("<h1>my site</h1>")
    other = write_report(out, [], seconds=3.0, unfinished=0)
    assert (out / "index.html").read_text() == "<h1>my site</h1>" and other.page.name == "impasto-index.html"


def test_one_batch_at_a_time_is_in_a_folder_and_leaves_nothing_behind(files: Path) -> None:
    with alone(files / "made"), pytest.raises(InputError, match="another batch"), alone(files / "made"):
        pass
    with pytest.raises(ValueError, match="inside"), alone(files / "made"):
        raise ValueError("inside")
    assert list((files / "made").iterdir()) == []


def test_a_batch_whose_folder_was_moved_goes_on_with_the_jobs_it_had(queue: Queue, files: Path) -> None:
    submitted(queue, row("a"), row("b"))
    before = {job.id for job in queue.jobs(states=("queued",))}
    (files / "out").rename(files / "moved")
    with closing(Queue(open_store(own_place(files / "moved")))) as again:
        batch = Batch((row("b"), row("c")), Path("moved"), again, SETTINGS, suffix=".png")
        batch.submit()
        after = {job.id for job in again.jobs(states=("queued",))}
    assert len(after) == batch.at_hand == 2, "what is not wanted any more is not made"
    assert len(before & after) == 1


def test_batches_that_share_a_queue_leave_each_others_jobs_alone(queue: Queue) -> None:
    for folder in ("one", "two"):
        Batch((row("a"),), Path(folder), queue, SETTINGS, suffix=".png", shared=True).submit()
    assert {job.facts["batch"] for job in queue.jobs(states=("queued",))} == {str(Path(one).absolute()) for one in ("one", "two")}
