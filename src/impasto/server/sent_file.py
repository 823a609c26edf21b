"""Files of the store as HTTP sends files: length, tag, date, and parts of them (RFC 9110, sections 8.8, 13 and 14)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from impasto.jobs.store import Missing, Store
from impasto.server.problems import Problem

_MALFORMED: Final = 400
_UNSATISFIABLE: Final = 416


class _RangeIgnored(Exception):
    """The header Range makes no sense, and a server is to act as if it were not there."""


class SentFile(Response):
    """A file of the store; from a store that is no folder it is fetched as a whole before its parts are sent."""

    def __init__(
        self, store: Store, key: str, *, tag: str, media_type: str, headers: Mapping[str, str], dated: bool = False
    ) -> None:
        """Prepare the answer; sending it raises Missing where the file is gone.

        Args:
            store: Where the file is.
            key: Its key there.
            tag: What changes whenever the bytes do; the ETag, without quotation marks.
            media_type: Its Content-Type.
            headers: Further headers.
            dated: Whether the file's time is that of its bytes, so that it can be sent as Last-Modified.
        """
        super().__init__(status_code=200, media_type=media_type)
        self._store = store
        self._key = key
        self._facts = {**headers, "ETag": f'"{tag}"'}
        self._dated = dated

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if is_known(Headers(scope=scope).get("if-none-match"), self._facts["ETag"]):
            await Response(status_code=304, headers=self._facts)(scope, receive, send)
            return
        there = self._store.local(self._key)
        path = await run_in_threadpool(there.__enter__)
        try:
            await self._sent(path, scope, receive, send)
        except FileNotFoundError:  # deleted between two looks at it
            raise Missing("the file is not there any more") from None
        finally:
            await run_in_threadpool(there.__exit__, None, None, None)

    async def _sent(self, path: Path, scope: Scope, receive: Receive, send: Send) -> None:
        found = await run_in_threadpool(os.stat, path)
        if self._dated and _is_older(Headers(scope=scope), found.st_mtime):
            await Response(status_code=304, headers=self._facts)(scope, receive, send)
            return
        response = FileResponse(path, headers=self._facts, media_type=self.media_type, stat_result=found)
        try:
            await response(scope, receive, _in_words(send, dated=self._dated))
        except _RangeIgnored:
            headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
            await response({**scope, "headers": headers}, receive, _in_words(send, dated=self._dated))


def _in_words(send: Send, *, dated: bool) -> Send:
    """Return a `send` that waits with the head until the file is open, and raises for ranges that cannot be sent."""
    head: Message | None = None

    async def sent(message: Message) -> None:
        nonlocal head
        if message["type"] == "http.response.start":
            if message["status"] == _MALFORMED:
                raise _RangeIgnored
            if message["status"] == _UNSATISFIABLE:
                size = Headers(raw=message["headers"]).get("content-range", "")
                raise Problem(
                    416, "invalid_range", "the file is shorter than the range asked for", headers={"Content-Range": size}
                )
            kept = [(name, value) for name, value in message["headers"] if dated or name != b"last-modified"]
            head = {**message, "headers": kept}
            return
        if head is not None:
            first, head = head, None
            await send(first)
        await send(message)

    return sent


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Return whether the tags of the header If-None-Match hold a quoted one, or `*`; weak tags count as strong ones.

    >>> is_known('"a", W/"b"', '"b"')
    True
    """
    given = [] if if_none_match is None else [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in given or "*" in given


def _is_older(headers: Headers, changed: float) -> bool:
    """Return whether a file changed, in seconds since 1970, not after the time of If-Modified-Since; dates have whole seconds."""
    if "if-none-match" in headers or "if-modified-since" not in headers:
        return False
    try:
        since = parsedate_to_datetime(headers["if-modified-since"])
    except ValueError:
        return False
    return int(changed) <= (since if since.tzinfo is not None else since.replace(tzinfo=UTC)).timestamp()
