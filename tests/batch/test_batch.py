"""Batches: what they make of folders and tables, what they skip, and how they go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from tests.jobs.conftest import picture

from impasto.batch import of_pictures, of_table
from impasto.batch.rows import check_settings
from impasto.batch.share import share
from impasto.errors import InvalidSettings, UnreadableImage

QUICK = ("--size", "48", "--levels", "1", "--style-layers", "conv1_1", "--content-layers", "conv2_1")


def batch(*arguments: object, code: int = 0) -> dict[str, object]:
    command = [sys.executable, "-m", "impasto", "batch", *map(str, arguments), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert ended.returncode == code, ended.stderr
    facts: dict[str, object] = json.loads(ended.stdout)
    return facts


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for role, names in (("photos", "ab"), ("styles", "xy")):
        (tmp_path / role).mkdir()
        for at, name in enumerate(names):
            picture(tmp_path / role, name, at)
    return tmp_path


def test_every_content_in_every_style(folders: Path) -> None:
    rows = of_pictures("photos", "styles/*.png")
    assert [row.name for row in rows] == ["a_x", "a_y", "b_x", "b_y"]
    with pytest.raises(UnreadableImage, match="names no style"):
        of_pictures("photos", "none/*.jpg")


def test_a_table_has_rows_with_settings(folders: Path) -> None:
    Path("rows.csv").write_text(
        "content,style,out,strength\nphotos/a.png,styles/x.png;styles/y.png:0.3,one,0.3\nphotos/b.png,styles/x.png,,\n"
    )
    one, two = of_table(Path("rows.csv"))
    assert (one.name, two.name, dict(one.settings)) == ("one", "b_x", {"strength": "0.3"})
    assert one.styles[1].endswith("y.png:0.3") and Path(one.content) == Path("photos/a.png")
    Path("rows.jsonl").write_text('{"content": "photos/a.png", "style": ["styles/x.png"], "size": 64, "out": "sub/a.png"}\n')
    (row,) = of_table(Path("rows.jsonl"))
    assert (row.name, dict(row.settings)) == ("sub/a", {"size": 64})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"content": "a.png"}', "a style"),
        ('{"content": "a.png", "style": "b.png", "nonsense": 1}', "nonsense"),
        ('{"content": "a.png", "style": "b.png", "out": "../x"}', "within the batch's folder"),
        ("{half", "line 1 is no JSON"),
        ("", "no rows"),
    ],
)
def test_a_wrong_table_is_said_with_its_line(folders: Path, text: str, said: str) -> None:
    Path("rows.jsonl").write_text(text)
    with pytest.raises(InvalidSettings, match=said):
        of_table(Path("rows.jsonl"))


def test_wrong_settings_of_a_row_are_said_before_any_work(folders: Path) -> None:
    Path("rows.jsonl").write_text('{"content": "photos/a.png", "style": "styles/x.png", "strength": 7}\n')
    with pytest.raises(InvalidSettings, match="a_x"):
        check_settings(of_table(Path("rows.jsonl")), {})


def test_small_pictures_are_made_several_at_a_time(folders: Path) -> None:
    rows = of_pictures("photos", "styles")
    cores = len(os.sched_getaffinity(0))
    assert share(rows, {"size": 128}, None).workers == min(cores, 4)
    assert share(rows, {"size": 2048}, None).workers == 1
    assert share(rows, {}, 3).workers == 3


@pytest.mark.timeout(900)
def test_a_batch_skips_what_is_done_and_goes_on_after_failures_and_interruption(folders: Path) -> None:
    (folders / "photos" / "broken.png").write_text("no picture")
    options = ("photos", "styles/x.png", "-o", "out", *QUICK, "--iterations", "250", "--workers", "1")
    command = [sys.executable, "-m", "impasto", "batch", *options, "-q"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}) as first:
        end = time.monotonic() + 240
        while not (folders / "out" / "a_x.png.json").exists() and time.monotonic() < end:
            time.sleep(0.05)
        first.send_signal(signal.SIGTERM)
        assert first.wait(240) == 130
    made_first = (folders / "out" / "a_x.png").read_bytes()
    facts = batch(*options, code=1)
    assert facts["failed"] == 1 and facts["unfinished"] == 0
    assert {"a_x.png", "b_x.png"} <= {path.name for path in (folders / "out").iterdir()}
    assert (folders / "out" / "a_x.png").read_bytes() == made_first
    report = json.loads((folders / "out" / "report.json").read_text())
    (failed,) = [one for one in report["pictures"] if one["state"] == "failed"]
    assert failed["name"] == "broken_x" and "cannot be read" in failed["message"]
    page = (folders / "out" / "index.html").read_text()
    assert 'src="a_x.png"' in page and "cannot be read" in page
    (folders / "photos" / "broken.png").unlink()
    assert batch(*options) == {"made": 0, "skipped": 2, "failed": 0, "unfinished": 0, "report": "out/report.json"}
    (folders / "out" / "a_x.png").unlink()
    facts = batch(*options[:-4], "--iterations", "40", "--seed", "1", "--format", "jpg")
    assert facts["made"] == 2, "other settings, other pictures"
    with Image.open(folders / "out" / "b_x.jpg") as made:
        assert made.size == (48, 32)
    assert not (folders / "out" / ".impasto" / "files").exists(), "copies of inputs are cleared away"


def test_two_batches_in_one_folder_and_bad_words_are_refused(folders: Path) -> None:
    from filelock import FileLock

    (folders / "out" / ".impasto").mkdir(parents=True)
    command = [sys.executable, "-m", "impasto", "batch", "photos", "styles", "-o", "out"]
    with FileLock(folders / "out" / ".impasto" / "lock"):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and "another batch" in ended.stderr
    for more, said in (("--format=bmp", "expects png"), ("--database=mysql://x", "--data")):
        ended = subprocess.run([*command, more], capture_output=True, text=True, check=False)
        assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.timeout(900)
def test_other_settings_forget_what_an_earlier_start_wanted(folders: Path) -> None:
    from impasto.batch import Batch
    from impasto.jobs import Queue, open_store

    queue = Queue(open_store(folders / "out" / ".impasto"))
    rows = of_pictures("photos", "styles/x.png")
    first = Batch(rows, folders / "out", queue, {"size": 48, "iterations": 5000}, suffix=".png")
    first.submit()
    second = Batch(rows, folders / "out", queue, {"size": 48, "iterations": 2}, suffix=".png")
    second.submit()
    assert queue.count(states=("queued",)) == second.at_hand == 2
    waiting = queue.jobs(states=("queued",))
    assert {job.request.settings["iterations"] for job in waiting} == {2}
    queue.pause(waiting[0].id)
    (stopped,) = [one for _ in [next(second.watch(stop=lambda: False))] for one in second.outcomes.values()]
    assert stopped.state == "stopped" and "again to go on" in (stopped.message or "") and second.unfinished == 2
    queue.close()


def test_a_row_that_cannot_be_placed_or_named_fails_alone(folders: Path) -> None:
    from impasto.batch import Batch, Row
    from impasto.jobs import Queue, open_store

    queue = Queue(open_store(folders / "out" / ".impasto"))
    rows = [
        Row("photos/a.png", ("styles/x.png",), "n" * 250),
        Row("photos/a.png", ("styles/x.png:0",), "weight"),
        Row("photos/a.png", ("styles/x.png",), "good"),
    ]
    made = Batch(rows, folders / "out", queue, {"size": 48}, suffix=".png")
    made.submit()
    assert {name: one.state for name, one in made.outcomes.items()} == {"n" * 250: "failed", "weight": "failed"}
    assert made.at_hand == 1
    queue.close()
    Path("rows.csv").write_text("content,style\na,b.png,styles/x.png\n")
    with pytest.raises(InvalidSettings, match="more fields"):
        of_table(Path("rows.csv"))
    for out in ("", ".impasto/x", "a/../../b"):
        Path("rows.jsonl").write_text(json.dumps({"content": "photos/a.png", "style": "styles/x.png", "out": out}))
        with pytest.raises(InvalidSettings, match="within the batch's folder"):
            of_table(Path("rows.jsonl"))


@pytest.mark.timeout(300)
def test_workers_that_cannot_start_end_the_batch_with_their_last_line(folders: Path) -> None:
    (folders / "broken").mkdir()
    (folders / "broken" / "torch.py").write_text("raise ImportError('this installation is broken')\n")
    command = [
        sys.executable,
        "-m",
        "impasto",
        "batch",
        "photos",
        "styles/x.png",
        "-o",
        "out",
        *QUICK,
        "--workers",
        "1",
        "--json",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folders / "broken")}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 1
    assert "no worker can start" in ended.stderr and "this installation is broken" in ended.stderr
    assert "Traceback" not in ended.stderr
    facts = json.loads(ended.stdout)
    assert facts["unfinished"] == 2 and "this installation is broken" in facts["error"]


@pytest.mark.timeout(300)
def test_one_odd_name_costs_nothing_and_a_second_start_in_the_contents_folder_finds_the_same_rows(folders: Path) -> None:
    (folders / "photos" / "b.png").rename(folders / "photos" / "caf\udce9.png")
    os.mkfifo(folders / "photos" / "live.png")
    options = ("photos", "styles/x.png", "-o", "photos", *QUICK, "--iterations", "1", "--workers", "1")
    assert batch(*options)["made"] == 2
    assert (folders / "photos" / "caf\udce9_x.png").is_file()
    again = batch(*options)
    assert (again["made"], again["skipped"], again["failed"]) == (0, 2, 0)


@pytest.mark.timeout(300)
def test_a_reader_that_is_gone_and_a_full_log_disk_change_nothing(folders: Path) -> None:
    command = [sys.executable, "-m", "impasto", "batch", "photos/a.png", "styles/x.png", *QUICK, "--iterations", "1", "-o"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("wb") as full:
        assert subprocess.run([*command, "gone"], stdout=writer, stderr=full, check=False, env=environment).returncode == 0
    os.close(writer)
    assert (folders / "gone" / "a_x.png.json").is_file()
