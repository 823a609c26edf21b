"""The server itself, what settings there are, sessions for browsers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from impasto import __version__, presets
from impasto.files import READABLE
from impasto.jobs.workers import living
from impasto.server.access import COOKIE, SESSION_S
from impasto.server.replies import (
    AboutReply,
    FormatsReply,
    LimitsReply,
    PresetReply,
    SampleReply,
    SamplesReply,
    WorkerReply,
)
from impasto.server.schema import HIDDEN, settings_schema
from impasto.server.services import DATA, Here, Owner

INPUTS: Final = (*READABLE, ".style")

OUTPUTS: Final = (".png", ".jpg", ".tif", ".webp")

router = APIRouter(prefix="/api/v1", tags=["server"])


@router.get("/about")
def about(here: Here) -> AboutReply:
    """What this server is and takes; needs no token."""
    limits = {name: value for name, value in asdict(here.limits).items() if name in LimitsReply.model_fields}
    count = len(living(here.store))
    return AboutReply(
        version=__version__,
        token_needed=here.access.token_needed,
        limits=LimitsReply(**limits),
        formats=FormatsReply(input=list(INPUTS), output=list(OUTPUTS)),
        worker=WorkerReply(alive=count > 0, count=count),
    )


@router.post("/session", status_code=204, response_class=Response)
def session(request: Request, here: Here, owner: Owner) -> Response:
    """Trades a token (Authorization: Bearer) for a cookie, which EventSource and images can send."""
    response = Response(status_code=204)
    if here.access.token_needed:
        response.set_cookie(
            COOKIE,
            here.access.open_session(owner),
            max_age=int(SESSION_S),
            path="/api/v1",
            secure="https" in {request.url.scheme, request.headers.get("origin", "").partition(":")[0]},
            httponly=True,
            samesite="strict",
        )
    return response


@router.get("/settings/schema")
def schema() -> dict[str, Any]:
    """JSON schema of a job's settings, each with its default and its panel of a form."""
    return settings_schema()


@router.get("/presets")
def list_presets() -> list[PresetReply]:
    """Named settings, and where they come from."""
    return [
        PresetReply(
            name=preset.name,
            title=preset.title,
            source=preset.source,
            values={name: value for name, value in preset.values.items() if name not in HIDDEN},
        )
        for preset in presets.PRESETS.values()
    ]


@router.get("/samples", dependencies=[DATA])
def list_samples(here: Here) -> SamplesReply:
    """Photographs and paintings to begin with; their files are there already."""
    found: dict[str, list[SampleReply]] = {"content": [], "style": []}
    for sha256, sample in here.samples.all():
        found[sample.role].append(
            SampleReply(id=sha256, name=sample.name, title=sample.title, author=sample.author, licence=sample.terms)
        )
    return SamplesReply(contents=found["content"], styles=found["style"])
