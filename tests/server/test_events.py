"""Event streams: what happens is told, once, in order, to those who listen."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.server.faked import TOKEN, TestClient, Work, encoded, submit
from tests.server.live import listening, served

from impasto.jobs import Queue
from impasto.server import events
from impasto.server.access import Access
from impasto.server.limits import Limits
from impasto.server.pictures import Pictures
from impasto.server.services import Services

pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture
def address(queue: Queue, pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(events, "STATES_EVERY_S", 0.1)
    monkeypatch.setattr(events, "PROGRESS_EVERY_S", 0.05)
    with served(Services(queue, pictures=pictures, limits=Limits(streams=30, streams_per_token=30))) as address:
        yield address


def test_a_jobs_stream_tells_its_states_progress_and_previews_and_ends(client: TestClient, work: Work, address: str) -> None:
    job = submit(client)["id"]
    with listening(address, f"/jobs/{job}/events") as stream:
        event, data = stream.next()
        assert (event, data["id"], data["state"], data["position"]) == ("job", job, "queued", 1)
        work.state(job, "PENDING")
        assert stream.until("job")["state"] == "running"
        work.progress(job, 3)
        assert stream.until("progress")["step"] == 3
        work.put(job, "preview.webp", b"picture")
        work.progress(job, 6, preview_step=6)
        assert stream.until("preview") == {"step": 6, "url": f"/api/v1/jobs/{job}/preview?step=6"}
        work.finish(job)
        last = stream.until("job")
        assert (last["state"], last["result"]["loss"]) == ("finished", 0.25)
        with pytest.raises((StopIteration, RuntimeError)):
            stream.next()


def test_who_connects_late_gets_how_things_stand(client: TestClient, work: Work, address: str) -> None:
    job = submit(client)["id"]
    work.state(job, "PENDING")
    work.progress(job, 9, preview_step=8)
    with listening(address, f"/jobs/{job}/events") as stream:
        data = stream.until("job")
        assert (data["state"], data["progress"]["step"]) == ("running", 9)
        assert stream.until("preview")["step"] == 8
    work.finish(job)
    with listening(address, f"/jobs/{job}/events") as stream:
        assert stream.until("job")["state"] == "finished"
        with pytest.raises((StopIteration, RuntimeError)):
            stream.until("job")


def test_the_stream_of_all_tells_of_all_jobs(client: TestClient, work: Work, address: str) -> None:
    first = submit(client)["id"]
    with listening(address, "/events") as stream:
        assert stream.until("job")["id"] == first
        second = httpx.post(f"{address}/api/v1/jobs/{first}/repeat", json={"settings": {"size": 65}}).json()["id"]
        found = stream.until("job")
        assert (found["id"], found["state"], found["position"]) == (second, "queued", 2)
        work.state(first, "PENDING")
        work.progress(first, 4)
        data = stream.until("progress")
        assert (data["id"], data["step"]) == (first, 4)
        httpx.post(f"{address}/api/v1/jobs/{second}/cancel")
        while (data := stream.until("job"))["id"] != second:
            pass
        assert data["state"] == "cancelled"


def test_an_action_is_told_at_once(client: TestClient, address: str) -> None:
    job = submit(client)["id"]
    with listening(address, f"/jobs/{job}/events") as stream:
        stream.until("job")
        begun = time.monotonic()
        httpx.post(f"{address}/api/v1/jobs/{job}/pause")
        assert stream.until("job")["state"] == "paused"
        assert time.monotonic() - begun < 5
        httpx.post(f"{address}/api/v1/jobs/{job}/continue")
        assert stream.until("job")["state"] == "queued"
        httpx.post(f"{address}/api/v1/jobs/{job}/cancel")
        assert stream.until("job")["state"] == "cancelled"


def test_too_many_streams_are_refused_and_the_server_stays_well(client: TestClient, address: str) -> None:
    job = submit(client)["id"]
    port = int(address.rpartition(":")[2])
    sockets, statuses = [], []
    try:
        for _ in range(50):
            one = socket.create_connection(("127.0.0.1", port), timeout=15)
            one.sendall(f"GET /api/v1/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            sockets.append(one)
            statuses.append(one.recv(12)[9:12])
        assert statuses == [b"200"] * 30 + [b"429"] * 20
        assert httpx.get(f"{address}/healthz", timeout=5).status_code == 200
        assert "impasto_event_streams 30.0" in httpx.get(f"{address}/metrics", timeout=5).text
    finally:
        for one in sockets:
            one.close()
    until = time.monotonic() + 10
    while "impasto_event_streams 0.0" not in httpx.get(f"{address}/metrics", timeout=5).text:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_streams_are_limited_per_token_and_show_own_jobs_only(
    client: TestClient, queue: Queue, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STATES_EVERY_S", 0.1)
    other = TOKEN[::-1]
    mine, theirs = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {other}"}
    services = Services(queue, pictures=pictures, access=Access([TOKEN, other]), limits=Limits(streams_per_token=1))
    submit(client)  # nobody's of these
    with served(services) as address, listening(address, "/events", headers=mine):
        assert httpx.get(f"{address}/api/v1/events", headers=mine).status_code == 429
        with listening(address, "/events", headers=theirs) as stream:
            body = client.get("/api/v1/jobs").json()["jobs"][0]
            style = {"file": body["styles"][0]["id"]}
            sent = httpx.post(f"{address}/api/v1/jobs", json={"styles": [style]}, headers=theirs)
            assert stream.until("job")["id"] == sent.json()["id"]


def test_streams_end_when_the_server_does(client: TestClient, queue: Queue, pictures: Pictures) -> None:
    job = submit(client)["id"]
    services = Services(queue, pictures=pictures)
    with served(services) as address, listening(address, f"/jobs/{job}/events") as stream:
        stream.until("job")
        services.hub.look_now()
        begun = time.monotonic()
        services.hub._loop.call_soon_threadsafe(services.hub.close)  # type: ignore[union-attr]
        with pytest.raises((StopIteration, RuntimeError)):
            stream.until("never")
        assert time.monotonic() - begun < 5


def test_a_preview_is_the_workers_own_file(client: TestClient, work: Work) -> None:
    import numpy as np

    job = submit(client)["id"]
    data = encoded(np.zeros((8, 8, 3), np.uint8), "WEBP")
    work.state(job, "PENDING")
    work.put(job, "preview.webp", data)
    assert client.get(f"/api/v1/jobs/{job}/preview").content == data
