"""Jobs: estimated, submitted, listed, stopped, gone on with."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from impasto.errors import InvalidSettings
from impasto.jobs import Job, State
from impasto.jobs.queue import Conflict, UnknownJob
from impasto.jobs.request import Request as JobRequest
from impasto.server.bodies import NORMAL, JobBody, MoreBody, RepeatBody, parsed_body, request_of, require_size
from impasto.server.problems import Problem
from impasto.server.replies import EstimateReply, JobReply, JobsReply
from impasto.server.schema import check_given
from impasto.server.services import DATA, JOB_ID, Here, JobId, Owner, Services
from impasto.server.uploads import keep, read_form
from impasto.settings import parse

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[DATA])

_STATES: Final[tuple[State, ...]] = get_args(State)
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/JobBody"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["job"],
                    "properties": {
                        "job": {"type": "string", "description": "the same JSON, in which @FIELD is a file of the form"}
                    },
                    "additionalProperties": {"type": "string", "format": "binary"},
                }
            },
        },
    }
}


@router.post("/estimate")
def estimate(body: JobBody, here: Here, owner: Owner) -> EstimateReply:
    """What a job would take on the server; some seconds, one at a time."""
    return EstimateReply(**here.estimates.of(request_of(body, here.library, here.limits, owner=owner)))


@router.post("/jobs", status_code=201, response_model=JobReply, openapi_extra=_BODY, responses={200: {"model": JobReply}})
async def submit(
    request: Request,
    here: Here,
    owner: Owner,
    idempotency_key: Annotated[str | None, Header(max_length=200, description="the same key, the same job")] = None,
) -> Response:
    """Puts a job on the queue: JSON with ids of files, or a form with the files themselves."""
    kind = request.headers.get("content-type", "").lower()
    ids: dict[str, str] | None = None
    if kind.startswith("multipart/"):
        async with read_form(request, here) as form:
            body = await run_in_threadpool(parsed_body, form.texts.get("job", ""))
            await run_in_threadpool(check_given, body.settings)
            ids = {field: (await keep(upload, here, owner)).id for field, upload in form.files}
    elif kind.partition(";")[0].strip() in {"application/json", ""}:
        body = await run_in_threadpool(parsed_body, await request.body())
    else:
        raise Problem(415, "invalid_settings", "a job is sent as application/json or multipart/form-data")
    job, new = await run_in_threadpool(_submitted, body, ids, here, owner, idempotency_key)
    reply = await run_in_threadpool(here.described, job)
    return JSONResponse(reply.model_dump(mode="json"), 201 if new else 200, {"Location": f"/api/v1/jobs/{job.id}"})


def _submitted(body: JobBody, ids: dict[str, str] | None, here: Services, owner: str, key: str | None) -> tuple[Job, bool]:
    """The job, and whether it is new."""

    request = request_of(body, here.library, here.limits, owner=owner, form=ids)
    priority = NORMAL - body.priority
    if key is None:
        return here.submit(request, owner, priority=priority), True
    job = hashlib.sha256(f"{owner}\n{key}".encode("utf-8", "replace")).hexdigest()[:32]
    known = _known(job, request, here)
    if known is not None:  # it needs no room
        return known, False
    return here.submit(request, owner, job=job, priority=priority), True


def _known(job: str, request: JobRequest, here: Services) -> Job | None:
    try:
        found = here.queue.get(job)
    except UnknownJob:
        return None
    if found.request.digest() != request.digest():
        raise Conflict("this idempotency key was used for another job; use another key for another picture")
    return found


@router.get("/jobs")
def list_jobs(
    here: Here,
    owner: Owner,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(pattern=JOB_ID, description="jobs that are older than this one")] = None,
    state: Annotated[str | None, Query(max_length=100, description="states, as running,queued")] = None,
) -> JobsReply:
    """Jobs, newest first."""
    found = here.jobs(owner, states=_states(state), limit=limit + 1, before=before)
    more = len(found) > limit
    return JobsReply(jobs=[here.described(job) for job in found[:limit]], next=found[limit - 1].id if more else None)


def _states(text: str | None) -> tuple[State, ...]:
    given = [] if text is None else [word.strip() for word in text.split(",") if word.strip()]
    for word in given:
        if word not in _STATES:
            raise InvalidSettings(f"state: expected some of {', '.join(_STATES)}, got {word!r}", setting="state")
    return tuple(state for state in _STATES if state in given)


@router.get("/jobs/{id}")
def get_job(id: JobId, here: Here, owner: Owner) -> JobReply:  # noqa: A002 - the contract's word
    """A job."""
    return here.described(here.job(id, owner))


@router.post("/jobs/{id}/pause", status_code=202)
def pause(id: JobId, here: Here, owner: Owner) -> JobReply:  # noqa: A002 - the contract's word
    """Stops it after the step it is in; it can be gone on with."""
    job = here.job(id, owner)
    if job.state == "cancelled":
        raise Conflict("the job is cancelled, so there is nothing to pause; continue takes it up again")
    return _acted(here, here.queue.pause(job.id))


@router.post("/jobs/{id}/continue", status_code=202)
def continue_(id: JobId, here: Here, owner: Owner) -> JobReply:  # noqa: A002 - the contract's word
    """Goes on with it where it was."""
    job = here.job(id, owner)
    if job.state not in {"queued", "running"}:
        here.require_room(job.owner)
    return _acted(here, here.queue.resume(job.id))


@router.post("/jobs/{id}/cancel", status_code=202)
def cancel(id: JobId, here: Here, owner: Owner) -> JobReply:  # noqa: A002 - the contract's word
    """Stops it for good."""
    return _acted(here, here.queue.cancel(here.job(id, owner).id))


def _acted(here: Services, job: Job) -> JobReply:
    here.hub.look_now()
    return here.described(job)


@router.post("/jobs/{id}/more", status_code=201)
def more(id: JobId, body: MoreBody, here: Here, owner: Owner) -> JobReply:  # noqa: A002 - the contract's word
    """A new job that goes on from a finished one's picture."""
    here.job(id, owner)
    return here.described(here.in_room(owner, lambda: here.queue.more(id, body.iterations, owner=owner)))


@router.post("/jobs/{id}/repeat", status_code=201)
def repeat(id: JobId, body: RepeatBody, here: Here, owner: Owner) -> JobReply:  # noqa: A002 - the contract's word
    """A new job of the same files, with some settings changed."""
    here.job(id, owner)
    check_given(body.settings)
    if (size := body.settings.get("size")) is not None:
        require_size(parse({"size": size}).size, here.limits)
    return here.described(here.in_room(owner, lambda: here.queue.repeat(id, body.settings, name=body.name, owner=owner)))


@router.delete("/jobs/{id}", status_code=204, response_class=Response)
def delete(id: JobId, here: Here, owner: Owner) -> Response:  # noqa: A002 - the contract's word
    """Removes a job and its pictures; the files it was made of stay."""
    here.queue.delete(here.job(id, owner).id)
    here.hub.look_now()
    return Response(status_code=204)
