"""The studio page: files that were built into page/, each known by name before anybody asks for it."""

from __future__ import annotations

import hashlib
from functools import partial
from html import escape
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Header
from starlette.responses import HTMLResponse, Response

from impasto.server.journal import NOTHING
from impasto.server.problems import Problem
from impasto.server.sent_file import is_known

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_DOCS_POLICY: Final = f"{NOTHING}; style-src 'unsafe-inline'"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
    "json": "application/json",
    "webmanifest": "application/manifest+json",
    "txt": "text/plain; charset=utf-8",
}
_ABSENT: Final = "the studio page is not built into this copy of impasto; the API is described at /docs"


def page_routes(folder: Traversable | None = None) -> APIRouter:
    """Routes of the page; `folder`: where it was built to."""
    folder = resources.files("impasto.server") / "page" if folder is None else folder
    router = APIRouter(include_in_schema=False)
    there = _listed(folder, "")
    for name in there:
        router.add_api_route(f"/{name}", partial(_sent, there, name))
    router.add_api_route("/", partial(_sent, there, "index.html"))
    return router


def docs(app: FastAPI) -> Response:
    """The API as a page that loads nothing from anywhere."""
    described: dict[str, Any] = app.openapi()
    rows = [
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('summary', ''))}<br><small>{escape(operation.get('description', ''))}</small></td></tr>"
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>impasto: the API</title>"
        "<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
        "td{padding:.4rem .8rem;vertical-align:top;border-top:1px solid #8884}</style>"
        "<h1>impasto: the API</h1><p>The whole description, for programs: <a href=/openapi.json>/openapi.json</a>.</p>"
        f"<table>{''.join(rows)}</table>",
        headers={"Content-Security-Policy": _DOCS_POLICY},
    )


def _listed(folder: Traversable, prefix: str) -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    if folder.is_dir():
        for one in folder.iterdir():
            if one.is_dir():
                found |= _listed(one, f"{prefix}{one.name}/")
            elif one.name.rpartition(".")[2] in _TYPES:
                found[prefix + one.name] = one
    return found


def _sent(
    there: dict[str, Traversable], name: str, if_none_match: Annotated[str | None, Header(max_length=1000)] = None
) -> Response:
    if name not in there:
        raise Problem(404, "unknown", _ABSENT)
    data = there[name].read_bytes()
    hashed = name.startswith("assets/")  # the build puts a hash of the contents into the name
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
        "ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}"',
    }
    if is_known(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers, media_type=_TYPES[name.rpartition(".")[2]])
