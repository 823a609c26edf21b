"""Around everything: each request is logged and counted, each answer is guarded by headers, and no error escapes."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.server.metrics import Metrics
from impasto.server.problems import Problem, answer

NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The policy of an answer that is no page: it may load nothing."""

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": NOTHING,
    "Cache-Control": "no-store",
}
"""Headers of every answer that does not set them itself."""


_LONGEST_PATH: Final = 200
"""More of an address is not logged; those that there are, are shorter."""

CLIENT_GONE: Final = 499
"""The status, in log and numbers only, of a request whose client left before it was answered; nginx has it, too."""


class Journal:
    """The outermost layer of our own: it logs, counts, and guards."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = logging.getLogger("impasto.server.requests")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, began, status = secrets.token_hex(8), time.monotonic(), 0
        asked = (scope["method"], scope["path"])  # layers further inside take some methods for others
        left = False

        async def watched() -> Message:
            nonlocal left
            message = await receive()
            left = left or (message["type"] == "http.disconnect" and status == 0)
            return message

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request
            await send(message)

        try:
            await self._app(scope, watched, guarded)
        except ClientDisconnect:
            pass
        except Problem as problem:  # raised where a body is read, outside of all routes
            if status == 0:
                await answer(problem)(scope, receive, guarded)
        except Exception:
            self._log.exception("something unexpected went wrong", extra={"request": request})
            if status == 0:
                await answer(unexpected(request))(scope, receive, guarded)
        finally:
            status = CLIENT_GONE if left else status
            self._note(scope, asked, request, status, time.monotonic() - began)

    def _note(self, scope: Scope, asked: tuple[str, str], request: str, status: int, seconds: float) -> None:
        method, path = asked
        route: Any = scope.get("route")
        template = str(getattr(route, "path", "other"))
        known = method if method in {"GET", "POST", "DELETE", "HEAD", "OPTIONS"} else "other"
        self._metrics.requests.labels(known, template, str(status)).inc()
        if not template.endswith("/events"):  # it lasts as long as somebody listens
            self._metrics.seconds.labels(template).observe(seconds)
        facts = {
            "request": request,
            "method": method,
            "path": path[:_LONGEST_PATH],
            "status": status,
            "ms": round(seconds * 1000, 1),
            "client": (scope.get("client") or ("",))[0],
            "owner": scope.get("state", {}).get("owner", ""),
        }
        self._log.info("request", extra=facts)


def unexpected(request: str) -> Problem:
    """Return what clients are told when something went wrong that nobody thought of."""
    return Problem(500, "unexpected", f"something unexpected went wrong; it is in the server's log with the id {request}")
