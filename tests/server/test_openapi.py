"""The description of the API, tried out by a program: whatever it allows, and what it forbids, is never an error of the server's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.server.faked import BASE, TestClient, send, style_png, submit

schemathesis = pytest.importorskip("schemathesis")
hypothesis = pytest.importorskip("hypothesis")

pytestmark = pytest.mark.xdist_group("server")

EXAMPLES = 6


def test_every_route_of_the_contract_is_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
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


def test_nothing_that_is_asked_is_an_error_of_the_server(client: TestClient) -> None:
    submit(client)
    send(client, ("waves.png", style_png()))
    whole = schemathesis.openapi.from_asgi("/openapi.json", client.app, base_url=BASE)
    tried = 0
    for found in whole.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/events"):  # it goes on for as long as anybody listens
            continue
        _try(operation, lambda case: _ask(client, case))
        tried += 1
    assert tried > 20


def _try(operation: Any, ask: Callable[[Any], None]) -> None:
    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    def once(case: Any) -> None:
        ask(case)

    once()


def _ask(client: TestClient, case: Any) -> None:
    answer = case.call(session=client, base_url=BASE)
    assert answer.status_code < 500, (case.method, case.path, case.path_parameters, case.query, case.body, answer.content[:300])
