"""What went wrong, as clients see it: a status, a code, one line; never a path of this machine, never a traceback."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from impasto.errors import (
    ImageTooLarge,
    ImageTooSmall,
    ImpastoError,
    InputError,
    InvalidSettings,
    OutputError,
    Unavailable,
    UnknownName,
    UnreadableImage,
)
from impasto.jobs.queue import Conflict, UnknownJob
from impasto.jobs.store import Missing
from impasto.storage.user_folders import home_folder

Code = str
_KINDS: Final[Sequence[tuple[type[ImpastoError], int, Code]]] = (
    (UnknownJob, 404, "unknown"),
    (Missing, 404, "unknown"),
    (Conflict, 409, "conflict"),
    (ImageTooLarge, 422, "image_too_large"),
    (ImageTooSmall, 422, "unreadable_image"),
    (UnreadableImage, 422, "unreadable_image"),
    (InvalidSettings, 422, "invalid_settings"),
    (Unavailable, 503, "unavailable"),
    (OutputError, 503, "unavailable"),
    (InputError, 422, "invalid_settings"),
    (ImpastoError, 500, "unexpected"),
)
"""The first that fits counts."""

_STATUS_CODES: Final[Mapping[int, Code]] = {
    401: "unauthorized",
    403: "forbidden_origin",
    413: "too_large",
    422: "invalid_settings",
}
_DOES_NOT_ANSWER: Final = frozenset(
    getattr(errno, name)
    for name in ("EIO", "ESTALE", "ENOTCONN", "ENODEV", "ENXIO", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "EREMOTEIO")
    if hasattr(errno, name)
)
_WINDOWS_PATH: Final = re.compile(r"""(?<!\w)[A-Za-z]:\\[^\s'"`:;,()]*""")
_PATH: Final = re.compile(r"""(?<![\w/:.])/(?:[^\s'"`:;,()/]+/)+[^\s'"`:;,()]*""")


class Problem(HTTPException):
    """An error that is made here: what the client is told.  `field`: which setting or field it is about."""

    def __init__(
        self, status: int, code: Code, message: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message, dict(headers) if headers is not None else None)
        self.code = code
        self.field = field


def busy(message: str) -> Problem:
    """A limit of what goes on at once is reached."""
    return Problem(429, "queue_full", message, headers={"Retry-After": "2"})


def problem_of(error: ImpastoError, folder: str | None = None) -> Problem:
    """Return what clients are told of an error of the program; `folder`: the data location, which they are not told."""
    status, code = next((status, code) for kind, status, code in _KINDS if isinstance(error, kind))
    field = error.data.get("setting")
    if field is None and isinstance(error, UnknownName):
        field = error.data["name"] if error.data["kind"] == "setting" else error.data["kind"]
    number = error.data.get("errno")
    known = problem_of_system(number) if code == "unavailable" and isinstance(number, int) else None
    if known is not None:
        return known
    if code == "unavailable" and not isinstance(error, Unavailable):
        return Problem(status, code, "the server's data location does not answer; try again in a moment")
    return Problem(status, code, without_paths(str(error)[:2000], folder)[:500], field=field if isinstance(field, str) else None)


def problem_of_system(number: int | None) -> Problem | None:
    """Return what clients are told of what the system says of disk and files; None for what it should never say."""
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return Problem(507, "no_space", "the server's disk is full; try again when there is room")
    if number in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return Problem(503, "unavailable", "the server's data location cannot be written to; who runs the server has to allow it")
    if number in {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}:
        return Problem(503, "unavailable", "the server has no room for more at once; try again in a moment")
    if number in _DOES_NOT_ANSWER:
        return Problem(503, "unavailable", "the server's data location does not answer; try again in a moment")
    return None


def problem_of_validation(error: RequestValidationError) -> Problem:
    """What clients are told of a request that has not the form it should have: the first thing that is wrong."""
    first: Any = error.errors()[0]
    where = [str(part) for part in first["loc"] if part not in {"body", "query", "path", "header"}]
    field = ".".join(where)
    reason = str(first["msg"]).removeprefix("Value error, ")
    text = f"{field or 'the body'}: {reason[:1].lower()}{reason[1:]}"
    return Problem(422, "invalid_settings", without_paths(text)[:500], field=field[:100] or None)


def problem_of_http(error: HTTPException, method: str, path: str, *, allow: str = "") -> Problem:
    """Return what clients are told of what the framework refuses; `allow`: the methods that the address answers to."""
    if isinstance(error, Problem):
        return error
    if error.status_code in {404, 405}:
        message = f"there is no {method} {path[:200]} here; /docs lists what there is"
        return Problem(error.status_code, "unknown", message, headers=None if allow == "" else {"Allow": allow})
    code = _STATUS_CODES.get(error.status_code, "invalid_settings")
    return Problem(error.status_code, code, without_paths(str(error.detail))[:500], headers=error.headers)


def answer(problem: Problem) -> Response:
    """The response."""
    error = {"code": problem.code, "message": str(problem.detail), "field": problem.field}
    # ASCII, since a client's text that is no Unicode may be quoted in it.
    body = json.dumps({"error": error})
    return Response(body, problem.status_code, dict(problem.headers or {}), "application/json")


def without_paths(text: str, folder: str | None = None) -> str:
    """Return a message with no absolute path in it; `folder`: the data location, whose name may have spaces.

    Raises nothing, whatever this machine lacks: it is called while errors are told.
    """
    if folder is not None and len(folder) > 1:
        text = re.sub(rf"{re.escape(folder)}([/\\][\w.-]+)*", "the file", text)
    for root in _roots():
        text = re.sub(rf"(?<![\w/:.]){re.escape(root)}(/[^\s'\"`:;,()]*)?", "the file", text)
    return _WINDOWS_PATH.sub("the file", _PATH.sub("the file", text))


def _roots() -> list[str]:
    """Return the folders of temporary files and of the user, as far as there are any."""
    found = [home_folder()]
    with contextlib.suppress(OSError):
        found.append(Path(tempfile.gettempdir()))
    return [str(root) for root in found if root is not None and root != Path(root.anchor)]
