"""Who comes in: the host, the origin and the token of each request, and how much it may send; before any route sees it."""

from __future__ import annotations

import asyncio
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.server.access import COOKIE, Access
from impasto.server.limits import Limits
from impasto.server.problems import Problem, answer

_API: Final = "/api/v1"
_OPEN: Final = frozenset({f"{_API}/about"})
"""What says whether a token is needed needs none."""

FILES_S: Final = 600.0
"""For files to arrive.  Who sends more slowly would keep others from sending."""

BODY_S: Final = 60.0
"""For a body without files to arrive."""

_WITH_FILES: Final = frozenset({f"{_API}/files", f"{_API}/jobs"})


class Gate:
    """Refuses foreign hosts and origins, and who has no token where one is needed."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            problem = self._refusal(scope, Headers(scope=scope))
            if problem is not None:
                await answer(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        host, path = headers.get("host"), scope["path"]
        if not self._access.is_own_host(host):
            return Problem(403, "forbidden_origin", "this server answers to its own name only; open it as http://127.0.0.1")
        within = path == _API or path.startswith(f"{_API}/")
        if within and not self._access.is_own_origin(headers.get("origin"), headers.get("sec-fetch-site"), host):
            return Problem(403, "forbidden_origin", "requests of other sites' pages are not answered")
        owner = self._access.owner(headers.get("authorization"), _session(headers))
        if (within or path == "/metrics") and path not in _OPEN and owner is None:
            return Problem(
                401,
                "unauthorized",
                "a token is needed: send the header Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        scope.setdefault("state", {})["owner"] = owner or ""
        return None


def _session(headers: Headers) -> str | None:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else cookie.value


class BodyLimit:
    """Stops reading a body that is larger than what is taken, said beforehand or not, and one that does not arrive in time."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        files = scope["path"] in _WITH_FILES and headers.get("content-type", "").lower().startswith("multipart/")
        most = self._limits.request_bytes if files else self._limits.body_bytes
        said = headers.get("content-length", "0")
        if not said.isdigit() or len(said) > 18 or int(said) > most:
            await answer(_too_large(most))(scope, receive, send)
            return
        got, whole, limit_s = 0, False, FILES_S if files else BODY_S
        until = asyncio.get_running_loop().time() + limit_s

        async def counted() -> Message:
            nonlocal got, whole
            if whole:  # what is waited for now is that the client leaves
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise _too_slow(limit_s) from None
            whole = not message.get("more_body", False)
            got += len(message.get("body", b""))
            if got > most:
                raise _too_large(most)
            return message

        await self._app(scope, counted, send)


def _too_large(most: int) -> Problem:
    return Problem(
        413, "too_large", f"a request of this kind has at most {most:,} bytes; send less", headers={"Connection": "close"}
    )


def _too_slow(limit_s: float) -> Problem:
    return Problem(
        408,
        "too_slow",
        f"the request took longer than {limit_s:.0f} s to arrive; send less at once",
        headers={"Connection": "close"},
    )
