"""A job of the queue as clients see it."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, Literal

from impasto.errors import ImpastoError
from impasto.jobs import Job, Progress, Request
from impasto.server.bodies import NORMAL
from impasto.server.library import Filed, Library
from impasto.server.problems import Problem, without_paths
from impasto.server.replies import (
    ContentReply,
    FailureReply,
    FileReply,
    JobReply,
    ProgressReply,
    ResultReply,
    StyleReply,
)
from impasto.server.schema import shown


def described(job: Job, library: Library) -> JobReply:
    """All that there is to see of a job."""
    request = job.request
    return JobReply(
        id=job.id,
        name=request.name or _title(request),
        state=job.state,
        created=job.created,
        started=job.started,
        ended=job.ended,
        position=job.position,
        priority=NORMAL - job.priority,
        content=_content(request, library),
        styles=[
            StyleReply(
                id=style.sha256,
                name=style.name,
                kind=_kind(style.sha256, library),
                weight=1.0 if style.weight is None else style.weight,
                mask=None if style.mask is None else style.mask.sha256,
                style_mask=None if style.style_mask is None else style.style_mask.sha256,
            )
            for style in request.styles
        ],
        color_mask=None if request.color_mask is None else request.color_mask.sha256,
        start=None if request.start is None else request.start.sha256,
        settings=_settings(request),
        given=request.settings,
        progress=None if job.progress is None else described_progress(job.progress),
        error=None
        if job.failure is None
        else FailureReply(code=job.failure.code, message=without_paths(job.failure.message, library.folder)),
        result=None if job.made is None else ResultReply(**_finite(asdict(job.made))),
        parent=request.parent,
        warnings=[
            without_paths(text, library.folder)
            for text in (*job.warnings, *(() if job.reason is None else (f"paused: {job.reason}",)))
        ],
    )


def described_progress(progress: Progress) -> ProgressReply:
    """How far it is; a number that is none is null, since JSON has no word for it."""
    return ProgressReply(**_finite(asdict(progress)))


def described_file(filed: Filed) -> FileReply:
    """A file."""
    return FileReply(**{name: value for name, value in asdict(filed).items() if name != "media"})


def _title(request: Request) -> str:
    styles = ", ".join(style.name for style in request.styles)
    return (styles if request.content is None else f"{request.content.name} × {styles}")[:200]


def _kind(sha256: str, library: Library) -> Literal["picture", "style"]:
    try:
        return library.facts(sha256).kind
    except (ImpastoError, Problem):  # the job is there all the same
        return "picture"


def _content(request: Request, library: Library) -> ContentReply | None:
    if request.content is None:
        return None
    width = height = None
    try:
        facts = library.facts(request.content.sha256)
        width, height = facts.width, facts.height
    except (ImpastoError, Problem):  # the job is there all the same
        pass
    return ContentReply(id=request.content.sha256, name=request.content.name, width=width, height=height)


def _settings(request: Request) -> dict[str, Any]:
    try:
        return shown(request.resolved(), own_start=request.start is not None)
    except ImpastoError:  # of an older version, which had other settings
        return dict(request.settings)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
