"""Records of a batch's pictures: beside them in any case, inside them if wanted; a file with the same pixels is done already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.jobs.conftest import picture

from impasto.batch.placing import done
from impasto.images import read, read_manifest
from impasto.jobs import open_store
from impasto.jobs.request import Request, parse_request
from impasto.jobs.store import Store, keep_file


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def request_of(store: Store, *files: bytes, **more: object) -> Request:
    content, *styles = ({"sha256": keep_file(store, data)} for data in files)
    return parse_request({"content": content, "styles": styles, **more})


def recorded(target: Path, request: Request, *files: bytes) -> None:
    """A picture with the record of a run of that request on these files."""
    described = [{"sha256": read(data).sha256, "pixels_sha256": read(data).pixels_sha256} for data in files]
    facts = {"finished": True, "settings": request.resolved().model_dump(mode="json")}
    target.with_name(f"{target.name}.json").write_text(json.dumps({**facts, "content": described[0], "styles": described[1:]}))
    target.touch()


def test_a_file_whose_pixels_are_those_of_the_record_is_done(tmp_path: Path, store: Store) -> None:
    content, style = (picture(tmp_path, name, at).read_bytes() for at, name in enumerate("ab"))
    with Image.open(tmp_path / "a.png") as image:
        image.save(tmp_path / "other.png", compress_level=0)
    repacked = (tmp_path / "other.png").read_bytes()
    target = tmp_path / "made.png"
    recorded(target, request_of(store, content, style), content, style)
    assert repacked != content
    assert done(target, request_of(store, content, style), store)
    assert done(target, request_of(store, repacked, style), store)
    assert not done(target, request_of(store, style, style), store)
    assert not done(target, request_of(store, content, style, style), store)
    assert not done(target, request_of(store, b"no picture", style), store)
    assert not done(target, request_of(store, content, style, settings={"size": 64}), store)


def test_a_request_without_a_record_is_another_one(tmp_path: Path, store: Store) -> None:
    content = picture(tmp_path, "a", 0).read_bytes()
    one, other = request_of(store, content, content), request_of(store, content, content, record=False)
    assert one.digest() != other.digest()
    assert one.digest() == request_of(store, content, content, record=True).digest()


def test_a_batch_without_records_leaves_them_beside_its_pictures_and_knows_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture(tmp_path, "photo", 0)
    picture(tmp_path, "paint", 1)
    quick = ("--size", "48", "--levels", "1", "--iterations", "1", "--style-layers", "conv1_1", "--content-layers", "conv2_1")
    command = [sys.executable, "-m", "impasto", "batch", "photo.png", "paint.png", "-o", "out", "--no-record", "--json", *quick]
    counts = []
    for _ in range(2):
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert ended.returncode == 0, ended.stderr
        facts = json.loads(ended.stdout)
        counts.append((facts["made"], facts["skipped"]))
    assert counts == [(1, 0), (0, 1)]
    assert read_manifest("out/photo_paint.png") is None
    assert json.loads(Path("out/photo_paint.png.json").read_text("utf-8"))["content"]["name"] == "photo"
