"""Server-sent events: of one job, and of all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from impasto.errors import ImpastoError
from impasto.jobs import Job
from impasto.server.events import Hub, Listener
from impasto.server.problems import Problem
from impasto.server.services import DATA, Here, JobId, Owner, Services

router = APIRouter(prefix="/api/v1", tags=["events"], dependencies=[DATA])

KEEP_ALIVE_S: Final = 15
STALLED_S: Final = 30.0
"""A client that takes nothing for so long is let go of."""

ENDING_S: Final = 3.0
"""When the server ends, so long a stream may take to end itself."""

_SENDS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {}}, "description": "events, until the client goes"}
}


@router.get("/jobs/{id}/events", response_class=Response, responses=_SENDS)
async def job_events(id: JobId, here: Here, owner: Owner) -> Response:  # noqa: A002 - the contract's word
    """`job`, `progress` and `preview` events of a job, until it is finished, failed or cancelled."""
    await run_in_threadpool(here.job, id, owner)
    return _stream(here, id, owner)


@router.get("/events", response_class=Response, responses=_SENDS)
async def all_events(here: Here, owner: Owner) -> Response:
    """`job` and `progress` events of all jobs."""
    return _stream(here, None, owner)


def _stream(here: Services, job: str | None, owner: str) -> Response:
    def sees(one: Job) -> bool:
        return here.sees(owner, one)

    return Stream(here.hub, here.hub.join(job, owner, sees), here)


class Stream(Response):
    """An event stream that leaves the hub however it ends, even before it begins."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, listener: Listener, here: Services) -> None:
        super().__init__()
        self._hub = hub
        self._listener = listener
        self._here = here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        self._here.metrics.streams.set(len(self._hub))
        try:
            inner = EventSourceResponse(
                self._events(),
                ping=KEEP_ALIVE_S,
                ping_message_factory=lambda: ServerSentEvent(comment="keep-alive", sep="\n"),
                sep="\n",
                send_timeout=STALLED_S,
                shutdown_grace_period=ENDING_S,
            )
            await inner(scope, receive, send)
        finally:
            self._hub.leave(self._listener)
            self._here.metrics.streams.set(len(self._hub))

    async def _events(self) -> AsyncIterator[ServerSentEvent]:
        try:
            await self._hub.begin(self._listener)
        except (ImpastoError, Problem):
            return  # the client comes back
        number = 0
        async for event, data in self._listener.events():
            number += 1
            yield ServerSentEvent(data=json.dumps(data), event=event, id=str(number), sep="\n")
