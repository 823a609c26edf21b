"""Methods that follow from the routes: HEAD wherever there is GET, OPTIONS and 405 with all that an address answers to.

An address with a slash at its end is the one without: a redirection would lose the scheme behind a proxy with TLS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HeadAndSlash:
    """Answers HEAD as GET without its body, and brings addresses into their plain form."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        """Wrap an application whose routes are `routes`, those that are still to come included."""
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = _plain(scope["path"])
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        scope["method"], begun = "GET", False

        async def head_only(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                if message["status"] < 400:  # monitors ask for it, and it may be on any answer
                    MutableHeaders(scope=message).setdefault("Allow", allowed(self._routes, scope["path"]))
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def then_gone() -> Message:
            # What would send a long body, or events without end, need not begin.
            return {"type": "http.disconnect"} if begun else await receive()

        await self._app(scope, then_gone, head_only)


def _plain(path: str) -> str:
    """Return a path without the server before it, as proxies send it (RFC 9112, 3.2.2), and without a slash at its end.

    >>> _plain("http://127.0.0.1:8000/docs/"), _plain("/")
    ('/docs', '/')
    """
    if path.startswith(("http://", "https://")):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path if path == "/" else path.removesuffix("/")


def allowed(routes: Sequence[BaseRoute], path: str) -> str:
    """Return the value of the header Allow: all methods that an address answers to; empty where there is no such address."""
    found = [
        method
        for method in _METHODS
        if any(route.matches({"type": "http", "path": path, "method": method})[0] is Match.FULL for route in routes)
    ]
    if not found:
        return ""
    return ", ".join([*found, *(["HEAD"] if "GET" in found else []), "OPTIONS"])
