"""What clients get, field by field: the forms of the answers, for FastAPI's description of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel

from impasto.jobs import State

PARTS: Final[dict[int | str, dict[str, Any]]] = {
    206: {"description": "the part that Range asks for"},
    304: {"description": "the client has the same bytes, by If-None-Match"},
}
"""How files answer besides 200."""


class ErrorReply(BaseModel):
    """What went wrong: a code for programs, a line for people, and which field or setting it is about."""

    code: str
    message: str
    field: str | None = None


class Failed(BaseModel):
    """Every answer of 400 and above."""

    error: ErrorReply


class LimitsReply(BaseModel):
    """What the server takes at most."""

    upload_bytes: int
    upload_pixels: int
    queue: int
    files_per_job: int


class FormatsReply(BaseModel):
    """Extensions of files that can be sent, and formats of results."""

    input: list[str]
    output: list[str]


class WorkerReply(BaseModel):
    """Whether anybody works on the queue."""

    alive: bool
    count: int


class AboutReply(BaseModel):
    """The server."""

    version: str
    token_needed: bool
    limits: LimitsReply
    formats: FormatsReply
    worker: WorkerReply


class PresetReply(BaseModel):
    """A named configuration."""

    name: str
    title: str
    source: str
    values: dict[str, Any]


class SampleReply(BaseModel):
    """An example picture; its file is there already."""

    id: str
    name: str
    title: str
    author: str
    licence: str


class SamplesReply(BaseModel):
    """Photographs and paintings to begin with."""

    contents: list[SampleReply]
    styles: list[SampleReply]


class FileReply(BaseModel):
    """A file that was sent."""

    id: str
    name: str
    bytes: int
    width: int
    height: int
    kind: Literal["picture", "style"]


class ProgressReply(BaseModel):
    """How far a run is."""

    step: int
    steps: int
    level: int
    levels: int
    width: int
    height: int
    iteration: int
    iterations: int
    loss: float | None
    parts: dict[str, float | None]
    seconds: float
    seconds_left: float | None
    preview_step: int | None = None


class ContentReply(BaseModel):
    """The photograph of a job."""

    id: str
    name: str
    width: int | None
    height: int | None


class StyleReply(BaseModel):
    """A style of a job; masks by their ids."""

    id: str
    name: str
    kind: Literal["picture", "style"]
    weight: float
    mask: str | None
    style_mask: str | None


class FailureReply(BaseModel):
    """Why a job has no picture."""

    code: str
    message: str


class ResultReply(BaseModel):
    """What came of a job."""

    width: int
    height: int
    seconds: float
    loss: float | None


class JobReply(BaseModel):
    """A job."""

    id: str
    name: str
    state: State
    created: datetime
    started: datetime | None
    ended: datetime | None
    position: int | None
    priority: int
    content: ContentReply | None
    styles: list[StyleReply]
    color_mask: str | None
    start: str | None
    settings: dict[str, Any]
    given: dict[str, Any]
    progress: ProgressReply | None
    error: FailureReply | None
    result: ResultReply | None
    parent: str | None
    warnings: list[str]


class JobsReply(BaseModel):
    """A page of jobs, newest first; `next`: what to give as `before` for the page behind it."""

    jobs: list[JobReply]
    next: str | None


class LossesReply(BaseModel):
    """J and its parts, step by step."""

    records: list[dict[str, Any]]


class EstimateReply(BaseModel):
    """What a job would take."""

    seconds: float
    bytes: int
    free_bytes: int | None
    levels: list[dict[str, Any]]
    width: int
    height: int


class HealthReply(BaseModel):
    """The state of the server: whether it can do what it is there for, and why not."""

    ok: bool
    data: bool
    database: bool
    workers: int
    reason: str | None
