"""The laws of the API: what a client sends is what a job is made of, and what a worker writes is what a client sees."""

from __future__ import annotations

import io
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.samples import photo
from tests.server.conftest import Make
from tests.server.faked import TOKEN, TestClient, Work, encoded, job_body, png, send, style_png, submit

from impasto import presets
from impasto.files import READABLE
from impasto.images import FORMATS, read_manifest
from impasto.jobs import Queue
from impasto.run.start import NAMED
from impasto.server import schema
from impasto.server.limits import Limits
from impasto.server.routes import about
from impasto.settings import Settings

pytestmark = pytest.mark.xdist_group("server")


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_about_says_the_limits_and_whether_anybody_works(client: TestClient, work: Work, queue: Queue) -> None:
    found = client.get("/api/v1/about").json()
    assert found["limits"] == {"upload_bytes": 104857600, "upload_pixels": 100_000_000, "queue": 20, "files_per_job": 16}
    assert found["token_needed"] is False
    assert found["worker"] == {"alive": False, "count": 0}
    queue.store.write("workers/w", json.dumps({"count": 1, "time": time.time()}).encode())
    assert client.get("/api/v1/about").json()["worker"] == {"alive": True, "count": 1}


def test_the_page_offers_what_the_server_reads(shared: TestClient) -> None:
    formats = shared.get("/api/v1/about").json()["formats"]
    assert formats["input"] == [*READABLE, ".style"] and {".heif", ".hif", ".jfif"} <= set(READABLE)
    assets = Path(about.__file__).parents[1] / "page" / "assets"
    assert any("formats.input" in path.read_text("utf-8") for path in assets.glob("*.js"))


def test_formats_are_those_of_the_images_room() -> None:
    assert set(about.OUTPUTS) <= set(FORMATS)
    assert {FORMATS[extension].name for extension in FORMATS} == {FORMATS[extension].name for extension in about.OUTPUTS}


def test_a_setting_is_in_the_schema_or_hidden_for_a_reason() -> None:
    shown = [name for names in schema.PANELS.values() for name in names]
    assert sorted([*shown, *schema.HIDDEN]) == sorted(Settings.model_fields)
    assert schema.STARTS == NAMED


def test_panels_are_those_of_the_command_line() -> None:
    from typing import get_type_hints

    from impasto.cli import stylize

    words = {stylize.LOOK: "look", stylize.TERMS: "terms", stylize.SEARCH: "search", stylize.START: "start"}
    words[stylize.FILES] = "files"
    hints = get_type_hints(stylize.stylize, include_extras=True)
    theirs = {name: words[hints[name].__metadata__[0].rich_help_panel] for name in Settings.model_fields if name in hints}
    ours = {name: panel for panel, names in schema.PANELS.items() for name in names}
    assert {name: theirs[name] for name in ours} == ours


def test_the_schema_has_default_and_description_of_each_setting(shared: TestClient) -> None:
    found = shared.get("/api/v1/settings/schema").json()
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    whole = Settings.model_json_schema()["properties"]
    for name, one in found["properties"].items():
        assert one["default"] == whole[name]["default"]
        assert one["description"]
        assert one["x-panel"] in schema.PANELS
        assert isinstance(one["x-advanced"], bool)
    assert found["properties"]["strength"]["maximum"] == 1
    assert found["properties"]["init"]["enum"] == ["content", "noise", "blend", "style"]


def test_values_of_presets_can_be_given(shared: TestClient) -> None:
    found = shared.get("/api/v1/presets").json()
    assert [preset["name"] for preset in found] == list(presets.PRESETS)
    for preset in found:
        schema.check_given(preset["values"])


def test_samples_are_files_and_carry_their_licences(shared: TestClient) -> None:
    found = shared.get("/api/v1/samples").json()
    assert [one["name"] for one in found["contents"]] == ["cat", "portrait", "coffee", "temple"]
    assert [one["name"] for one in found["styles"]] == ["dots", "flow", "glass", "mosaic", "waves"]
    temple = found["contents"][3]
    assert "danielbuechele" in temple["author"]
    assert "https://creativecommons.org/licenses/by/2.0/" in temple["licence"]
    assert "flickr.com/photos/danielbuechele/6061409035" in temple["licence"]
    for one in found["contents"] + found["styles"]:
        picture = Image.open(io.BytesIO(shared.get(f"/api/v1/files/{one['id']}").content))
        assert max(picture.size) <= 640


def test_a_file_is_known_by_its_bytes_and_comes_back_as_it_was(shared: TestClient) -> None:
    data = png()
    first, second = send(shared, ("holiday/cat.png", data)), send(shared, ("other.png", data))
    assert first[0] | {"name": "other"} == second[0]
    assert first[0]["name"] == "cat"
    assert (first[0]["width"], first[0]["height"], first[0]["bytes"]) == (64, 48, len(data))
    answer = shared.get(f"/api/v1/files/{first[0]['id']}")
    assert answer.content == data
    assert answer.headers["content-type"] == "image/png"
    assert "content-disposition" not in answer.headers


def test_a_file_that_browsers_do_not_show_is_an_attachment(shared: TestClient) -> None:
    (sent,) = send(shared, ("scan.tif", encoded(photo(8, 8), "TIFF")))
    answer = shared.get(f"/api/v1/files/{sent['id']}")
    assert answer.headers["content-type"] == "image/tiff"
    assert answer.headers["content-disposition"] == "attachment"


def test_a_thumbnail_is_upright_keeps_alpha_and_is_made_once(shared: TestClient) -> None:
    image = Image.new("RGBA", (300, 200), (200, 30, 30, 128))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    (sent,) = send(shared, ("turned.png", file.getvalue()))
    assert (sent["width"], sent["height"]) == (200, 300)
    path = f"/api/v1/files/{sent['id']}/thumbnail?side=128"
    answer = shared.get(path)
    small = Image.open(io.BytesIO(answer.content))
    assert (small.size, small.mode) == ((85, 128), "RGBA")
    assert "immutable" in answer.headers["cache-control"]
    assert shared.get(path).content == answer.content
    assert error(shared.get(path.replace("128", "20"))) == (422, "invalid_settings")


def test_a_file_that_nobody_needs_goes_and_can_be_sent_again(client: TestClient, queue: Queue) -> None:
    services = client.app.state.services
    data = png()
    ((sent,), samples) = send(client, ("cat.png", data)), client.get("/api/v1/samples").json()
    thumbnail = f"/api/v1/files/{sent['id']}/thumbnail?side=64"
    assert client.get(thumbnail).status_code == 200 and services.sweep() == 0
    files = Path(queue.store.url) / "files"
    for path in files.glob("??/*"):
        os.utime(path, (0, 0))
    assert services.sweep() == 1
    assert error(client.get(f"/api/v1/files/{sent['id']}")) == error(client.get(thumbnail)) == (404, "unknown")
    assert error(client.post("/api/v1/jobs", json={"content": sent["id"], "styles": [{"file": sent["id"]}]})) == (404, "unknown")
    assert sum(map(len, samples.values())) == len(list(files.glob("??/*")))  # they are offered, so they stay
    kept = [path for folder in ("facts", "thumbnails") for path in (files.parent / folder).glob(f"??/{sent['id']}*")]
    assert kept == []
    assert send(client, ("cat.png", data))[0] == sent and client.get(thumbnail).status_code == 200


def test_what_a_finished_job_was_made_of_stays(client: TestClient, queue: Queue, work: Work) -> None:
    job = submit(client)
    work.finish(job["id"])
    files = Path(queue.store.url) / "files"
    for path in files.glob("??/*"):
        os.utime(path, (0, 0))
    assert client.get(f"/api/v1/jobs/{job['id']}").json()["state"] == "finished"
    assert client.app.state.services.sweep() == 0
    client.delete(f"/api/v1/jobs/{job['id']}")
    assert client.app.state.services.sweep() == 2


def test_an_estimate_uses_its_files(client: TestClient, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app.state.services.estimates, "of", lambda _: pytest.fail("only the files are looked at here"))
    body = job_body(client)
    for path in (Path(queue.store.url) / "files").glob("??/*"):
        os.utime(path, (0, 0))
    with pytest.raises(pytest.fail.Exception):
        client.post("/api/v1/estimate", json=body)
    assert client.app.state.services.sweep() == 0


def test_what_is_known_of_a_file_that_was_sent_again_stays(make: Make) -> None:
    client = make()
    (sent,) = send(client, ("cat.png", png()))
    client.app.state.services.library.forget(sent["id"])  # it was swept, and meanwhile it is here again
    assert make().app.state.services.library.get(sent["id"], "").name == "cat"  # another server, which reads what was kept


def test_a_job_has_the_files_and_settings_that_were_sent(client: TestClient) -> None:
    body = job_body(client, name="my cat", settings={"preset": "portrait", "size": 64}, priority=5)
    mask, start = send(client, ("mask.png", png(seed=5)), ("start.png", png(seed=6)))
    body["styles"][0]["mask"] = mask["id"]
    body["start"] = start["id"]
    answer = client.post("/api/v1/jobs", json=body)
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["name"], job["state"], job["position"], job["priority"]) == ("my cat", "queued", 1, 5)
    assert job["content"] == {"id": body["content"], "name": "cat", "width": 64, "height": 48}
    style = {
        "id": body["styles"][0]["file"],
        "name": "waves",
        "kind": "picture",
        "weight": 1.0,
        "mask": mask["id"],
        "style_mask": None,
    }
    assert job["styles"] == [style]
    assert job["start"] == start["id"]
    assert job["given"] == {"preset": "portrait", "size": 64}
    assert (job["settings"]["strength"], job["settings"]["preset"]) == (0.45, "portrait")
    assert not {"device", "network", "memory", "max_pixels", "save_every", "init"} & set(job["settings"])
    assert [job[name] for name in ("started", "ended", "progress", "error", "result", "parent")] == [None] * 6
    assert client.get(f"/api/v1/jobs/{job['id']}").json() == job


def test_a_form_with_files_is_the_same_job_as_ids(client: TestClient) -> None:
    described = {"content": "@photo", "styles": [{"file": "@paint"}], "settings": {"size": 64}}
    files = {"photo": ("cat.png", png()), "paint": ("waves.png", style_png())}
    answer = client.post("/api/v1/jobs", data={"job": json.dumps(described)}, files=files)
    assert answer.status_code == 201
    by_ids = job_body(client)
    assert answer.json()["content"]["id"] == by_ids["content"]
    assert answer.json()["styles"][0]["id"] == by_ids["styles"][0]["file"]
    described["content"] = "@nobody"
    answer = client.post("/api/v1/jobs", data={"job": json.dumps(described)}, files=files)
    assert error(answer) == (422, "invalid_settings")


def test_the_same_key_is_the_same_job(client: TestClient) -> None:
    body, key = job_body(client), {"Idempotency-Key": "my key"}
    first = client.post("/api/v1/jobs", json=body, headers=key)
    second = client.post("/api/v1/jobs", json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    other = client.post("/api/v1/jobs", json=body | {"settings": {"size": 65}}, headers=key)
    assert error(other) == (409, "conflict")
    assert len(client.get("/api/v1/jobs").json()["jobs"]) == 1


def test_a_known_key_needs_no_room_on_the_queue(make: Any) -> None:
    client = make(limits=Limits(queue=1))
    body, key = job_body(client), {"Idempotency-Key": "my key"}
    assert client.post("/api/v1/jobs", json=body, headers=key).status_code == 201
    assert client.post("/api/v1/jobs", json=body, headers=key).status_code == 200
    assert error(client.post("/api/v1/jobs", json=body)) == (429, "queue_full")


def test_what_cannot_be_is_refused_by_its_name(shared: TestClient) -> None:
    right = job_body(shared)
    changes: dict[str, dict[str, Any]] = {
        "device": {"settings": {"device": "cuda"}},
        "network": {"settings": {"network": "/etc/passwd"}},
        "memory": {"settings": {"memory": "1TB"}},
        "max_pixels": {"settings": {"max_pixels": 1}},
        "save_every": {"settings": {"save_every": 1}},
        "init": {"settings": {"init": "/etc/passwd"}},
        "strength": {"settings": {"strength": 2}},
        "preset": {"settings": {"preset": "portrai"}},
        "strenght": {"settings": {"strenght": 0.5}},
        "size": {"settings": {"size": 1e9}},
        "style_layers": {"settings": {"style_layers": {"conv4_9": 1}}},
        "styles": {"styles": []},
        "surprise": {"surprise": 1},
        "name": {"name": "x" * 201},
        "content": {"content": "../../etc/passwd"},
        "color_mask": {"color_mask": "@photo"},
        "priority": {"priority": 1000},
    }
    for field, change in changes.items():
        for path in ("/api/v1/jobs", "/api/v1/estimate"):
            answer = shared.post(path, json=right | change)
            assert answer.status_code == 422, answer.text
            assert answer.json()["error"]["field"] == field
            assert answer.json()["error"]["code"] == "invalid_settings"


def test_a_file_that_is_not_there_is_unknown(shared: TestClient) -> None:
    assert error(shared.post("/api/v1/jobs", json=job_body(shared) | {"content": "0" * 64})) == (404, "unknown")
    assert error(shared.get(f"/api/v1/files/{'0' * 64}")) == (404, "unknown")


def test_jobs_come_newest_first_in_pages(client: TestClient, queue: Queue) -> None:
    jobs = []
    for seed in range(3):
        jobs.append(submit(client, seed=seed)["id"])
        _older(queue, jobs[:-1])
    page = client.get("/api/v1/jobs?limit=2").json()
    assert [job["id"] for job in page["jobs"]] == [jobs[2], jobs[1]]
    rest = client.get(f"/api/v1/jobs?limit=2&before={page['next']}").json()
    assert ([job["id"] for job in rest["jobs"]], rest["next"]) == ([jobs[0]], None)
    client.post(f"/api/v1/jobs/{jobs[0]}/cancel")
    assert [job["id"] for job in client.get("/api/v1/jobs?state=cancelled,running").json()["jobs"]] == [jobs[0]]
    assert error(client.get("/api/v1/jobs?state=sleeping")) == (422, "invalid_settings")
    assert error(client.get("/api/v1/jobs?before=00")) == (404, "unknown")


def _older(queue: Queue, jobs: list[str]) -> None:
    """Time goes by: SQLite's clock has whole seconds."""
    import sqlite3

    with sqlite3.connect(queue.database.removeprefix("sqlite:///")) as connection:
        for job in jobs:
            connection.execute("UPDATE workflow_status SET created_at = created_at - 1000 WHERE workflow_uuid = ?", (job,))
    connection.close()


def test_a_job_can_be_paused_gone_on_with_cancelled_and_deleted(client: TestClient) -> None:
    job = f"/api/v1/jobs/{submit(client)['id']}"
    assert error(client.delete(job)) == (409, "conflict")
    for action, state in (("pause", "paused"), ("continue", "queued"), ("cancel", "cancelled")):
        answer = client.post(f"{job}/{action}")
        assert (answer.status_code, answer.json()["state"]) == (202, state)
    assert error(client.post(f"{job}/pause")) == (409, "conflict")
    assert client.delete(job).status_code == 204
    assert error(client.get(job)) == (404, "unknown")


def test_progress_losses_and_preview_are_what_the_worker_wrote(client: TestClient, work: Work) -> None:
    job = submit(client)["id"]
    path = f"/api/v1/jobs/{job}"
    assert client.get(f"{path}/losses").json() == {"records": []}
    assert error(client.get(f"{path}/preview")) == (404, "unknown")
    assert error(client.get(f"{path}/result")) == (409, "conflict")
    assert error(client.get(f"{path}/manifest")) == (404, "unknown")
    work.progress(job, 7, preview_step=5, loss=float("nan"))
    work.put(job, "preview.webp", encoded(photo(48, 64), "WEBP"))
    work.put(job, "losses.json", {"records": [{"step": step, "loss": float("nan")} for step in range(5001)]})
    progress = client.get(path).json()["progress"]
    assert (progress["step"], progress["loss"], progress["preview_step"]) == (7, None, 5)
    records = client.get(f"{path}/losses").json()["records"]
    assert (len(records), records[0]["step"], records[-1]["step"], records[0]["loss"]) == (2000, 0, 5000, None)
    answer = client.get(f"{path}/preview?side=768&step=5")
    assert Image.open(io.BytesIO(answer.content)).size == (64, 48)
    again = client.get(f"{path}/preview?side=768&step=5", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("bits", [8, 16])
def test_a_result_comes_in_every_format_with_its_manifest(client: TestClient, work: Work, tmp_path: Any, bits: int) -> None:
    job = submit(client, name='Katze über\r\n"Wellen"/..')["id"]
    work.finish(job, bits=bits)
    path = f"/api/v1/jobs/{job}"
    shown = client.get(path).json()
    assert (shown["state"], shown["result"]) == ("finished", {"width": 64, "height": 48, "seconds": 3.5, "loss": 0.25})
    assert shown["warnings"] == ["a warning of the file"]
    for kind, name in (("png", "PNG"), ("jpg", "JPEG"), ("tif", "TIFF"), ("webp", "WEBP")):
        answer = client.get(f"{path}/result?format={kind}&download=1")
        assert answer.status_code == 200, answer.text
        assert re.match(r'attachment; filename="[\w .-]+"; filename\*=UTF-8', answer.headers["content-disposition"])
        file = tmp_path / f"x.{kind}"
        file.write_bytes(answer.content)
        assert Image.open(io.BytesIO(answer.content)).format == name
        assert read_manifest(file) == '{"format": "impasto"}'
    assert error(client.get(f"{path}/result?format=gif")) == (422, "invalid_settings")
    assert Image.open(io.BytesIO(client.get(f"{path}/preview?side=64").content)).size == (64, 48)
    manifest = client.get(f"{path}/manifest").json()
    assert manifest["content"] == {"name": "cat", "path": None}


def test_more_and_repeat_are_new_jobs_of_the_old_one(client: TestClient, work: Work) -> None:
    job = submit(client, name="cat")["id"]
    assert error(client.post(f"/api/v1/jobs/{job}/more", json={"iterations": 10})) == (409, "conflict")
    bigger = client.post(f"/api/v1/jobs/{job}/repeat", json={"settings": {"size": 128}, "name": "big cat"})
    assert (bigger.status_code, bigger.json()["parent"]) == (201, job)
    assert (bigger.json()["given"], bigger.json()["name"]) == ({"size": 128}, "big cat")
    assert error(client.post(f"/api/v1/jobs/{job}/repeat", json={"settings": {"device": "cpu"}})) == (422, "invalid_settings")
    work.finish(job)
    more = client.post(f"/api/v1/jobs/{job}/more", json={"iterations": 10}).json()
    assert (more["parent"], more["given"]["iterations"], more["given"]["levels"]) == (job, 10, 1)
    assert client.get(f"/api/v1/files/{more['start']}").headers["content-type"] == "image/png"
    assert client.get(f"/api/v1/files/{more['start']}/thumbnail").status_code == 200


def test_a_failure_is_told_without_the_servers_paths(client: TestClient, work: Work) -> None:
    job = submit(client)["id"]
    work.state(job, "SUCCESS", {"failure": {"code": "unreadable_image", "message": "content /srv/data/files/ab/abc is damaged"}})
    shown = client.get(f"/api/v1/jobs/{job}").json()
    assert shown["state"] == "failed"
    assert shown["error"] == {"code": "unreadable_image", "message": "content the file is damaged"}


def test_a_database_that_is_gone_is_unavailable(client: TestClient, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT secret", None, Exception("gone"))

    monkeypatch.setattr(queue._client, "list_workflows", gone)
    answer = client.get("/api/v1/jobs/00")
    assert error(answer) == (503, "unavailable")
    assert "SELECT" not in answer.text
    assert client.get("/healthz").status_code == 503


def test_health_metrics_docs_and_page(client: TestClient) -> None:
    assert client.get("/healthz").json()["ok"] is True
    submit(client)
    text = client.get("/metrics").text
    assert 'impasto_jobs{state="queued"} 1.0' in text
    assert 'route="/api/v1/jobs"' in text
    docs = client.get("/docs")
    assert "/api/v1/jobs/{id}/events" in docs.text
    assert "<script" not in docs.text
    assert client.get("/openapi.json").json()["openapi"].startswith("3.")


def test_a_page_is_served_from_what_was_built_and_nothing_else(make: Any, tmp_path: Any) -> None:
    from fastapi import FastAPI

    from impasto.server.page import page_routes

    (tmp_path / "page" / "assets").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("<!doctype html>studio")
    (tmp_path / "page" / "assets" / "app-1a.js").write_text("run()")
    (tmp_path / "secret.js").write_text("no")
    app = FastAPI()
    app.include_router(page_routes(tmp_path / "page"))
    served = TestClient(app, base_url="http://127.0.0.1")
    assert served.get("/").text == "<!doctype html>studio"
    assert "script-src 'self'" in served.get("/").headers["content-security-policy"]
    assert "immutable" in served.get("/assets/app-1a.js").headers["cache-control"]
    for path in ("/secret.js", "/assets/../../secret.js", "/assets/%2e%2e/%2e%2e/secret.js", "/assets/"):
        assert served.get(path).status_code == 404


def test_tokens_see_their_own_jobs_only(make: Any) -> None:
    other = TOKEN[::-1]
    client = make(TOKEN, other)
    mine, theirs = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {other}"}
    job = submit(client, headers=mine)["id"]
    assert [one["id"] for one in client.get("/api/v1/jobs", headers=mine).json()["jobs"]] == [job]
    assert client.get("/api/v1/jobs", headers=theirs).json() == {"jobs": [], "next": None}
    for path in (f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/losses", f"/api/v1/jobs/{job}/events"):
        assert error(client.get(path, headers=theirs)) == (404, "unknown")
    assert error(client.post(f"/api/v1/jobs/{job}/cancel", headers=theirs)) == (404, "unknown")


def test_an_estimate_is_what_the_command_says_and_is_asked_once(client: TestClient) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    body = job_body(client, settings={"size": 64, "levels": 1, "iterations": 2})
    found = client.post("/api/v1/estimate", json=body).json()
    assert (found["width"], found["height"], len(found["levels"])) == (64, 48, 1)
    assert found["seconds"] > 0
    begun = time.monotonic()
    assert client.post("/api/v1/estimate", json=body).json() == found
    assert time.monotonic() - begun < 1
