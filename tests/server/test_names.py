"""What an upload is called belongs to its owner, though the bytes are kept once."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from tests.samples import photo
from tests.server.conftest import Make
from tests.server.faked import TOKEN, TestClient, encoded, png, send, style_png

from impasto.jobs import Queue

pytestmark = pytest.mark.xdist_group("server")

MINE, THEIRS = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {TOKEN[::-1]}"}


@pytest.fixture
def two(make: Make) -> TestClient:
    """A server with two tokens."""
    return make(TOKEN, TOKEN[::-1])


def test_each_owner_sees_the_own_name_of_the_same_bytes(two: TestClient) -> None:
    (first,) = send(two, ("secret product.png", png()), headers=MINE)
    (second,) = send(two, ("holiday.png", png()), headers=THEIRS)
    assert (first["name"], second["name"], first["id"]) == ("secret product", "holiday", second["id"])
    (style,) = send(two, ("waves.png", style_png()), headers=MINE)
    send(two, ("paint.png", style_png()), headers=THEIRS)
    body = {"content": first["id"], "styles": [{"file": style["id"]}], "settings": {"size": 64}}
    names = {}
    for headers in (MINE, THEIRS, MINE):
        job = two.post("/api/v1/jobs", json=body, headers=headers).json()
        again = two.post(f"/api/v1/jobs/{job['id']}/repeat", json={}, headers=headers).json()
        listed = two.get("/api/v1/jobs", headers=headers).json()["jobs"]
        names[headers["Authorization"]] = {one["name"] for one in (job, again, *listed)}
        assert job["content"]["name"] == ("secret product" if headers is MINE else "holiday")
    assert names == {MINE["Authorization"]: {"secret product × waves"}, THEIRS["Authorization"]: {"holiday × paint"}}


def test_who_sent_a_file_under_no_name_is_told_nobody_elses(two: TestClient) -> None:
    content, style = send(two, ("secret product.png", png()), ("waves.png", style_png()), headers=MINE)
    body = {"content": content["id"], "styles": [{"file": style["id"]}], "settings": {"size": 64}}
    assert two.post("/api/v1/jobs", json=body, headers=THEIRS).json()["name"] == "picture × picture"
    refused = two.post("/api/v1/estimate", json={**body, "settings": {"size": 16, "levels": 1}}, headers=THEIRS)
    assert "secret" not in refused.text and "waves" not in refused.text


def test_samples_are_called_the_same_by_all(two: TestClient) -> None:
    samples: Any = two.get("/api/v1/samples", headers=MINE).json()
    content, style = samples["contents"][0], samples["styles"][0]
    body = {"content": content["id"], "styles": [{"file": style["id"]}], "settings": {"size": 64}}
    assert two.post("/api/v1/jobs", json=body, headers=THEIRS).json()["name"] == f"{content['name']} × {style['name']}"


def test_names_outlive_the_server_and_go_with_the_file(two: TestClient, make: Make, queue: Queue) -> None:
    (sent,) = send(two, ("secret.png", png()), headers=MINE)
    send(two, ("other.png", png()), headers=THEIRS)
    later = make(TOKEN, TOKEN[::-1]).app.state.services  # type: ignore[attr-defined]
    owner = later.access.owner(MINE["Authorization"], None)
    assert later.library.get(sent["id"], owner).name == "secret"
    folder = Path(queue.store.url)
    os.utime(folder / "files" / sent["id"][:2] / sent["id"], (0, 0))
    assert later.sweep() == 1
    assert [path for path in folder.rglob("*") if sent["id"] in path.name] == []


def test_a_name_of_before_names_had_owners_is_a_sole_users(make: Make, queue: Queue) -> None:
    client = make()
    (sent,) = send(client, ("cat.tif", encoded(photo(8, 8), "TIFF")))
    facts = Path(queue.store.url) / "facts" / sent["id"][:2] / sent["id"]
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "name": "old"}))
    for path in (Path(queue.store.url) / "names").rglob("*"):
        if path.is_file():
            path.unlink()
    library = make(TOKEN).app.state.services.library  # type: ignore[attr-defined]
    assert library.get(sent["id"], "ann").name == "picture"
    assert library.get(sent["id"], "").name == "old" and "name" not in json.loads(facts.read_text())


def test_a_small_picture_made_while_its_file_goes_is_not_kept(two: TestClient, queue: Queue) -> None:
    services = two.app.state.services  # type: ignore[attr-defined]
    (sent,) = send(two, ("cat.png", png(seed=4)), headers=MINE)
    file, shrink = Path(queue.store.url) / "files" / sent["id"][:2] / sent["id"], services.pictures.shrink

    def and_swept(path: Path, out: Path, *, side: int) -> None:
        shrink(path, out, side=side)
        file.unlink()
        services.library.forget(sent["id"])
        services.derived.forget(sent["id"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.pictures, "shrink", and_swept)
        answer = two.get(f"/api/v1/files/{sent['id']}/thumbnail", headers=MINE)
    assert answer.status_code == 404
    assert [path for path in Path(queue.store.url).rglob("*") if sent["id"] in path.name] == []


def test_the_log_names_no_files(two: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        content, style = send(two, ("secret cat.png", png()), ("secret waves.png", style_png()), headers=MINE)
        for data in (b"", b"secret", png()[:99], b"GIF89a" + bytes(99), b"II*\x00" + b"\xff" * 64):
            assert two.post("/api/v1/files", files={"file": ("secret.png", data)}, headers=MINE).status_code == 422
        body = {"content": content["id"], "styles": [{"file": style["id"]}], "name": "secret job", "settings": {"size": 64}}
        job = two.post("/api/v1/jobs?secret=1", json=body, headers={**MINE, "Idempotency-Key": "secret key"}).json()
        two.post("/api/v1/jobs", json={**body, "settings": {"init": "secret.png"}}, headers=MINE)
        for path in (f"jobs/{job['id']}/result", f"files/{content['id']}/thumbnail", f"jobs/{job['id']}"):
            two.get(f"/api/v1/{path}", headers=MINE)
    told = [(record.getMessage(), record.__dict__) for record in caplog.records if record.name.startswith("impasto")]
    assert len(told) > 9 and "secret" not in repr(told)
