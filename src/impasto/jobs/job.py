"""A job as its owner sees it: where it stands, how far it is, what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from impasto.jobs.request import Request

State = Literal["queued", "running", "pausing", "paused", "finished", "failed", "cancelled"]
FINAL: Final[frozenset[State]] = frozenset({"finished", "failed", "cancelled"})


@dataclass(frozen=True)
class Progress:
    """How far a run is, after a step.  `loss` is J there; `preview_step`: the step of the picture that can be looked at."""

    step: int
    steps: int
    level: int
    levels: int
    width: int
    height: int
    iteration: int
    iterations: int
    loss: float
    parts: dict[str, float]
    seconds: float
    seconds_left: float
    preview_step: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why there is no picture: the kind of error, in the words that the command line would use."""

    code: str
    message: str


@dataclass(frozen=True)
class Made:
    """What came of a job: (width, height) in px, seconds of computing, the least J."""

    width: int
    height: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class Job:
    """One picture on the queue.

    `priority`: 1 goes first; `position`: from 1, its place among those that wait; None where very many do.
    """

    id: str
    state: State
    request: Request
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    owner: str = ""
    priority: int = 100
    position: int | None = None
    progress: Progress | None = None
    failure: Failure | None = None
    made: Made | None = None
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    """Why a worker paused it by itself: a disk that is full, a service that does not answer."""

    facts: dict[str, Any] = field(default_factory=dict)
    """What the submitter keeps with it."""
