"""What comes of a job: losses, the picture while it is made, the result, its record."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from impasto.errors import ImpastoError
from impasto.jobs import Job
from impasto.jobs.queue import Conflict
from impasto.jobs.store import Folder, Missing, job_key
from impasto.server.derived import SIDES
from impasto.server.library import shown_name
from impasto.server.replies import PARTS, LossesReply
from impasto.server.sent_file import SentFile, is_known
from impasto.server.services import DATA, Here, JobId, Owner, Services
from impasto.settings import Settings

router = APIRouter(prefix="/api/v1", tags=["outcomes"], dependencies=[DATA])

_MOST_RECORDS: Final = 2000
_MEDIA: Final = {"png": "image/png", "jpg": "image/jpeg", "tif": "image/tiff", "webp": "image/webp"}
_AT_WORK: Final = frozenset({"queued", "running", "pausing"})
_CHANGES: Final = "private, no-cache"


@router.get("/jobs/{id}/losses")
def losses(id: JobId, here: Here, owner: Owner) -> LossesReply:  # noqa: A002 - the contract's word
    """J and its parts by step, thinned to 2,000 at most."""
    here.job(id, owner)
    found = _json(here, id, "losses.json")
    records = found.get("records", []) if isinstance(found, dict) else []
    return LossesReply(records=_thinned(records))


def _thinned(records: list[Any]) -> list[Any]:
    """Evenly, with the first and the last."""
    if len(records) <= _MOST_RECORDS:
        return records
    last = len(records) - 1
    return [records[round(at * last / (_MOST_RECORDS - 1))] for at in range(_MOST_RECORDS)]


@router.get("/jobs/{id}/preview", response_class=Response)
def preview(
    id: JobId,  # noqa: A002 - the contract's word
    here: Here,
    owner: Owner,
    side: Annotated[int, Query(ge=SIDES[0], le=SIDES[-1], description="the long side in px, at most")] = 768,
    step: Annotated[
        str | None,
        Query(max_length=20, pattern="^([0-9]+|final)$", description="makes the address another one; the latest is sent"),
    ] = None,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """The picture so far, or the finished one, as WebP."""
    job = here.job(id, owner)
    name = _shown(here, job)
    stamp = here.store.stamp(job_key(id, name))
    if stamp is None:
        raise Missing("there is no picture of this job yet; wait for a preview event")
    headers = {"ETag": f'"{stamp}-{side}"', "Cache-Control": _CHANGES}
    if is_known(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if name == "preview.webp" and (side >= SIDES[-2] or job.state in _AT_WORK):
        data = here.store.read(job_key(id, name))  # small already, and soon another one
    else:
        data = here.derived.small(id, name, stamp, side)
    return Response(data, headers=headers, media_type="image/webp")


def _shown(here: Services, job: Job) -> str:
    """Which of a job's pictures is the newest."""
    finished = job.state not in _AT_WORK and here.store.stamp(job_key(job.id, "result.png")) is not None
    return "result.png" if finished else "preview.webp"


@router.get("/jobs/{id}/result", response_class=Response, responses=PARTS)
def result(
    id: JobId,  # noqa: A002 - the contract's word
    here: Here,
    owner: Owner,
    format: Annotated[Literal["png", "jpg", "tif", "webp"], Query()] = "png",  # noqa: A002 - the contract's word
    *,
    download: Annotated[bool, Query(description="1: to be saved as a file")] = False,
) -> Response:
    """The finished or paused job's picture, the record of its making inside."""
    job = here.job(id, owner)
    stamp = None if job.state in _AT_WORK else here.store.stamp(job_key(id, "result.png"))
    if stamp is None:
        raise Conflict(f"the job is {job.state}, and has no result yet; its preview may show the picture so far")
    key = job_key(id, "result.png")
    if format != "png":
        key = here.derived.result(id, stamp, f".{format}", _quality(job))
    name = shown_name(f"{here.described(job).name}.{format}")
    headers = {"Cache-Control": _CHANGES, "Content-Disposition": _disposition(f"{name}.{format}", save=download)}
    # Made anew from the same result, another format's bytes may differ in their last bits, so each has a tag of its own.
    tag = here.store.stamp(key)
    if tag is None:
        raise Missing("the result is not there any more; the job was deleted or goes on")
    return SentFile(here.store, key, tag=tag, media_type=_MEDIA[format], headers=headers, dated=isinstance(here.store, Folder))


@router.get("/jobs/{id}/manifest")
def manifest(id: JobId, here: Here, owner: Owner) -> dict[str, Any]:  # noqa: A002 - the contract's word
    """How the picture was made."""
    here.job(id, owner)
    found = _json(here, id, "manifest.json")
    if not isinstance(found, dict):
        raise Missing("this job has no manifest yet; it comes with the result")
    return dict(_without_places(found))


def _quality(job: Job) -> int:
    try:
        return job.request.resolved().quality
    except ImpastoError:  # of an older version, which had other settings
        return int(Settings.model_fields["quality"].default)


def _disposition(name: str, *, save: bool) -> str:
    plain = "".join(letter if (letter.isascii() and letter.isalnum()) or letter in " ._-" else "_" for letter in name)
    return f"{'attachment' if save else 'inline'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _json(here: Services, job: str, name: str) -> Any:
    """A file that a worker writes, or None; what JSON has no word for is null."""
    try:
        return json.loads(here.store.read(job_key(job, name)), parse_constant=lambda _: None)
    except (Missing, ValueError):
        return None


def _without_places(facts: Any) -> Any:
    """Without the paths of inputs, which are the server's."""
    if isinstance(facts, dict):
        return {name: None if name == "path" else _without_places(value) for name, value in facts.items()}
    return [_without_places(one) for one in facts] if isinstance(facts, list) else facts
