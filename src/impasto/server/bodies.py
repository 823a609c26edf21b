"""What clients send: a job's description and changes of one, and the way from there to a request of the queue."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from impasto.errors import InvalidSettings
from impasto.jobs import Request
from impasto.jobs.request import parse_request
from impasto.server.library import Library, require_kind
from impasto.server.limits import Limits
from impasto.server.problems import Problem
from impasto.server.schema import check_given

NORMAL: Final = 100
"""The queue's priority of a job whose priority is 0: the queue's 1 goes first, a client's higher number does."""

_SETTINGS_BYTES: Final = 20_000
_REFERENCE: Final = re.compile(r"[0-9a-f]{64}|@.{1,100}")

FileId = Annotated[str, Field(description="a file's id, or @FIELD for a file in the same form", max_length=101)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _is_unicode(self) -> _Given:
        try:
            json.dumps(self.model_dump(), ensure_ascii=False).encode()
        except (UnicodeEncodeError, ValueError, RecursionError):
            raise ValueError("the text is no Unicode, or nested too deeply") from None
        if len(json.dumps(getattr(self, "settings", {}))) > _SETTINGS_BYTES:
            raise ValueError(f"settings have at most {_SETTINGS_BYTES:,} characters")
        return self


class StyleBody(_Given):
    """A style: its file, its weight beside others, where it paints, and what of it counts."""

    file: FileId
    weight: Annotated[float, Field(gt=0, lt=1e12, allow_inf_nan=False)] | None = None
    mask: FileId | None = None
    style_mask: FileId | None = None


class JobBody(_Given):
    """A picture to make.  Without content the style is painted on its own."""

    name: Annotated[str, Field(max_length=200)] = ""
    content: FileId | None = None
    styles: Annotated[list[StyleBody], Field(min_length=1, max_length=100)]
    color_mask: FileId | None = None
    start: FileId | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=-99, le=99, description="higher goes first")] = 0


class MoreBody(_Given):
    """How much longer."""

    iterations: Annotated[int, Field(ge=1, le=100_000)] = 100


class RepeatBody(_Given):
    """What is to be different; null is the preset's value."""

    settings: dict[str, Any] = Field(default_factory=dict)
    name: Annotated[str, Field(max_length=200)] | None = None


def parsed_body(text: str | bytes) -> JobBody:
    """A job's description from JSON.  Raises InvalidSettings."""
    try:
        return JobBody.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the job"
        reason = first["msg"].removeprefix("Value error, ")
        raise InvalidSettings(f"{where}: {reason[:1].lower()}{reason[1:]}", setting=where) from None
    except (ValueError, RecursionError):
        raise InvalidSettings("the job is no JSON; send it as application/json, or in the form's field job") from None


def request_of(body: JobBody, library: Library, limits: Limits, *, owner: str, form: Mapping[str, str] | None = None) -> Request:
    """Return the queue's request.

    `owner`: whose names the files have; `form`: ids of files by the fields of the form that they came in.
    Raises Missing for a file that is not here, InvalidSettings for settings and files that do not do.
    """
    check_given(body.settings)
    seen: set[str] = set()

    def ref(reference: str | None, role: str, *, picture: bool = True) -> dict[str, str] | None:
        if reference is None:
            return None
        if _REFERENCE.fullmatch(reference) is None:
            raise InvalidSettings(f"{role}: expected a file's id of 64 hexadecimal digits, or @FIELD", setting=role)
        if reference.startswith("@"):
            if form is None or reference[1:] not in form:
                raise InvalidSettings(f"{role}: {reference} names no file of the form; send it there", setting=role)
            reference = form[reference[1:]]
        seen.add(reference)
        if len(seen) > limits.files_per_job:
            raise Problem(413, "too_many", f"a job has at most {limits.files_per_job} files; use fewer")
        filed = library.use(reference, owner)
        require_kind(filed, role=role, picture=picture)
        return {"sha256": filed.id, "name": filed.name}

    if len(body.styles) > limits.files_per_job:
        raise Problem(413, "too_many", f"a job has at most {limits.files_per_job} styles; use fewer")
    styles = [
        {
            **(ref(style.file, f"styles.{at}.file", picture=False) or {}),
            "weight": style.weight,
            "mask": ref(style.mask, f"styles.{at}.mask"),
            "style_mask": ref(style.style_mask, f"styles.{at}.style_mask"),
        }
        for at, style in enumerate(body.styles)
    ]
    made = parse_request(
        {
            "name": _one_line(body.name),
            "content": ref(body.content, "content"),
            "styles": styles,
            "color_mask": ref(body.color_mask, "color_mask"),
            "start": ref(body.start, "start"),
            "settings": {name: value for name, value in body.settings.items() if value is not None},
        }
    )
    require_size(made.resolved().size, limits)
    return made


def require_size(size: int | tuple[int, int] | str, limits: Limits) -> None:
    """Raises Problem for a picture that is larger than the server makes; by its long side where the other is not given."""
    pixels = size**2 if isinstance(size, int) else size[0] * size[1] if isinstance(size, tuple) else 0
    if pixels > limits.result_pixels:
        side = int(limits.result_pixels**0.5)
        raise Problem(422, "image_too_large", f"size: this server makes pictures of at most {side:,} px a side", field="size")


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
