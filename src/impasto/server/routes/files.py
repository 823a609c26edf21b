"""Files: sent once, then named by their ids."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from impasto.jobs.store import file_key
from impasto.server.derived import SIDES, fitting
from impasto.server.describe import described_file
from impasto.server.problems import Problem
from impasto.server.replies import PARTS, FileReply
from impasto.server.sent_file import SentFile
from impasto.server.services import DATA, FileHash, Here, Owner
from impasto.server.uploads import keep, read_form

router = APIRouter(prefix="/api/v1", tags=["files"], dependencies=[DATA])

FOREVER: Final = "private, max-age=31536000, immutable"
_SHOWN: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


@router.post("/files", status_code=201, openapi_extra=_FORM)
async def send_files(request: Request, here: Here, owner: Owner) -> list[FileReply]:
    """Sends pictures or style files, each as a field `file` of a form; answers with their ids."""
    async with read_form(request, here) as form:
        files = [upload for field, upload in form.files if field == "file"]
        if not files:
            raise Problem(
                422, "invalid_settings", "the form has no file; send each as the field file, with a filename", field="file"
            )
        return [described_file(await keep(upload, here, owner)) for upload in files]


@router.get("/files/{id}", response_class=Response, responses=PARTS)
def get_file(id: FileHash, here: Here) -> Response:  # noqa: A002 - the contract's word
    """The file as it was sent."""
    filed = here.library.facts(id)
    headers = {"Cache-Control": FOREVER}
    if filed.media not in _SHOWN:
        headers["Content-Disposition"] = "attachment"
    return SentFile(here.store, file_key(id), tag=id, media_type=filed.media, headers=headers)


@router.get("/files/{id}/thumbnail", response_class=Response)
def get_thumbnail(
    id: FileHash,  # noqa: A002 - the contract's word
    here: Here,
    owner: Owner,
    side: Annotated[int, Query(ge=SIDES[0], le=SIDES[-1], description="the long side in px, at most")] = 256,
) -> Response:
    """The picture in small, upright, as WebP."""
    data = here.derived.thumbnail(here.library.get(id, owner), side)
    return Response(data, headers={"Cache-Control": FOREVER, "ETag": f'"{id}-{fitting(side)}"'}, media_type="image/webp")
