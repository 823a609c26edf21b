"""Files from forms: read within the limits, put among the files, named by their hashes."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from impasto.server.library import Filed
from impasto.server.problems import Problem, busy
from impasto.server.services import Services
from impasto.server.temporary import make_room

_FIELDS: Final = 32
_LONGEST_FIELD: Final = 2**20


@dataclass(frozen=True)
class Form:
    """A form's texts and files, by the names of their fields."""

    texts: dict[str, str]
    files: Sequence[tuple[str, UploadFile]]


@contextlib.asynccontextmanager
async def read_form(request: Request, services: Services) -> AsyncIterator[Form]:
    """Yield the form of a request.  Raises Problem for one that is too large, has too many files, or is no form."""
    limits = services.limits
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(422, "invalid_settings", "files are sent as multipart/form-data; see /docs")
    if not services.uploading.acquire(blocking=False):
        raise busy("too many files are being sent; try again in a moment")
    try:
        await run_in_threadpool(make_room, services.store)
        form = await _parsed(request, limits.files_per_job)
        try:
            yield _checked(form, limits.upload_bytes)
        finally:
            await form.close()
    finally:
        services.uploading.release()


async def _parsed(request: Request, most: int) -> FormData:
    try:
        return await request.form(max_files=most, max_fields=_FIELDS, max_part_size=_LONGEST_FIELD)
    except Problem:
        raise
    except HTTPException as error:
        if str(error.detail).startswith("Too many files"):
            raise Problem(413, "too_many", f"a request has at most {most} files; send fewer") from None
        raise Problem(422, "invalid_settings", f"the form cannot be read: {error.detail}"[:300]) from None


def _checked(form: FormData, most_bytes: int) -> Form:
    texts: dict[str, str] = {}
    files: list[tuple[str, UploadFile]] = []
    for field, value in form.multi_items():
        if isinstance(value, str):
            texts[field] = value
            continue
        if value.size is not None and value.size > most_bytes:
            raise Problem(413, "too_large", f"a file has at most {most_bytes:,} bytes, one has {value.size:,}; shrink it")
        files.append((field, value))
    return Form(texts, files)


async def keep(upload: UploadFile, services: Services, owner: str) -> Filed:
    """Put a file of a form among the files, under the owner's name for it.  Raises UnreadableImage or ImageTooLarge."""
    return await run_in_threadpool(_keep, upload, services, owner)


def _keep(upload: UploadFile, services: Services, owner: str) -> Filed:
    handle, name = tempfile.mkstemp(prefix="impasto-")
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(upload.file, file)
        filed = services.library.add(path, upload.filename or "", owner)
    finally:
        path.unlink(missing_ok=True)
    services.metrics.uploaded.inc(filed.bytes)
    return filed
