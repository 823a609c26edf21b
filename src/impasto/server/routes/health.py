"""The state and the numbers of a server, for those who run it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from impasto.errors import ImpastoError
from impasto.jobs import State
from impasto.jobs.room import require_room
from impasto.jobs.workers import living
from impasto.server.problems import problem_of, without_paths
from impasto.server.replies import HealthReply
from impasto.server.services import Here

router = APIRouter(tags=["health"])


@router.get(
    "/healthz",
    response_model=HealthReply,
    responses={503: {"model": HealthReply, "description": "it cannot do what it is there for"}},
)
def healthz(here: Here) -> JSONResponse:
    """Tell whether the server can do what it is there for: its data are there, its queue answers, and its workers start."""
    data, database, workers = _problem(here.queue.check), None, 0
    if data is None:
        data = _problem(partial(require_room, here.store))
    if data is None:
        database = _problem(here.queue.ready)
    try:
        workers = len(living(here.store))
    except ImpastoError as error:
        data = data or _words(error)
    # Where others' workers are alive, pictures are made all the same.
    failed = here.workers.failed if here.workers is not None and workers == 0 else None
    reason = next((one for one in (data, database, failed) if one is not None), None)
    found = HealthReply(
        ok=reason is None,
        data=data is None,
        database=data is None and database is None,
        workers=workers,
        reason=None if reason is None else without_paths(reason, here.library.folder),
    )
    return JSONResponse(found.model_dump(mode="json"), 200 if found.ok else 503)


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except ImpastoError as error:
        return _words(error)
    return None


def _words(error: ImpastoError) -> str:
    return str(problem_of(error).detail)


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
