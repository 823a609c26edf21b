"""The description of the API, tried out by a program: what it allows, and what it forbids, is never an error of the server's."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.faked import TestClient, submit
from tests.server.live import served

from impasto.jobs import Queue
from impasto.server.pictures import Pictures
from impasto.server.services import Services

schemathesis = pytest.importorskip("schemathesis")
hypothesis = pytest.importorskip("hypothesis")

pytestmark = pytest.mark.xdist_group("server")

EXAMPLES = 3


def test_every_route_of_the_contract_is_described(shared: TestClient) -> None:
    paths = shared.get("/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path.removeprefix('/api/v1')}" for path, found in paths.items() for method in found}
    assert described == {
        "GET /about",
        "POST /session",
        "GET /settings/schema",
        "GET /presets",
        "GET /samples",
        "POST /files",
        "GET /files/{id}",
        "GET /files/{id}/thumbnail",
        "POST /estimate",
        "POST /jobs",
        "GET /jobs",
        "GET /jobs/{id}",
        "DELETE /jobs/{id}",
        "GET /jobs/{id}/losses",
        "GET /jobs/{id}/preview",
        "GET /jobs/{id}/events",
        "GET /events",
        "POST /jobs/{id}/pause",
        "POST /jobs/{id}/continue",
        "POST /jobs/{id}/cancel",
        "POST /jobs/{id}/more",
        "POST /jobs/{id}/repeat",
        "GET /jobs/{id}/result",
        "GET /jobs/{id}/manifest",
        "GET /healthz",
        "GET /metrics",
    }


def test_nothing_that_is_asked_is_an_error_of_the_server(client: TestClient, queue: Queue, pictures: Pictures) -> None:
    job = submit(client)
    whole = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    tried = 0
    with served(Services(queue, pictures=pictures)) as address:
        for found in whole.get_all_operations():
            operation = found.ok()
            if not operation.path.endswith("/events"):  # it goes on for as long as anybody listens
                _try(operation, address, job)
                tried += 1
    assert tried > 20


def _try(operation: Any, address: str, job: dict[str, Any]) -> None:
    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    def once(case: Any) -> None:
        _real(case, job)
        answer = case.call(base_url=address)
        assert answer.status_code < 500, (case.method, case.path, case.path_parameters, case.query, case.body, answer.content)

    once()


def _real(case: Any, job: dict[str, Any]) -> None:
    """With ids of what is there: those that a program makes up are not."""
    if "id" in (case.path_parameters or {}) and len(case.path_parameters["id"]) % 4:
        case.path_parameters["id"] = job["content"]["id"] if "/files/" in case.path else job["id"]
    if case.path.endswith("/estimate"):  # it would be made
        return
    body = case.body if isinstance(case.body, dict) else {}
    for style in body.get("styles") if isinstance(body.get("styles"), list) else []:
        if isinstance(style, dict):
            style["file"] = job["styles"][0]["id"]
    if isinstance(body.get("content"), str):
        body["content"] = job["content"]["id"]
