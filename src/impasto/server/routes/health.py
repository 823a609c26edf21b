"""For those who run the server: whether it is well, and its numbers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from impasto.errors import ImpastoError
from impasto.jobs import State
from impasto.jobs.workers import living
from impasto.server.services import Here

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={503: {"description": "the database or the data location does not answer"}})
def healthz(here: Here) -> JSONResponse:
    """Whether the server can do what it is there for."""
    found: dict[str, Any] = {"ok": True, "database": True, "workers": 0}
    try:
        found["workers"] = len(living(here.store))
        here.queue.ready()
    except ImpastoError:
        found |= {"ok": False, "database": False}
    return JSONResponse(found, 200 if found["ok"] else 503)


@router.get("/metrics", response_class=Response)
def metrics(here: Here) -> Response:
    """Numbers for Prometheus."""
    states: tuple[State, ...] = ("queued", "running")
    try:
        for state in states:
            here.metrics.jobs.labels(state).set(here.queue.count(states=(state,)))
        here.metrics.workers.set(len(living(here.store)))
    except ImpastoError:
        pass  # the others are worth having all the same
    return Response(here.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
