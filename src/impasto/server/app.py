"""The application: routes in their layers, from the outside in: journal, methods, gate, limit of bodies, routes."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from impasto import __version__
from impasto.errors import ImpastoError
from impasto.server import page
from impasto.server.gate import BodyLimit, Gate
from impasto.server.journal import Journal
from impasto.server.methods import HeadAndSlash, allowed
from impasto.server.problems import answer, problem_of, problem_of_http, problem_of_system, problem_of_validation
from impasto.server.replies import Failed
from impasto.server.routes import about, events, files, health, jobs, outcomes
from impasto.server.services import Services

_DESCRIPTION = """Pictures painted in the style of others, as jobs.

Send files, get their ids, submit a job, follow its events, fetch its result. Every answer of 400 and above is
`{"error": {"code", "message", "field"}}`.  HEAD is answered wherever GET is."""


def build(services: Services) -> FastAPI:
    """The application of these services."""
    app = FastAPI(
        title="impasto",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lambda _: _alive(services),
        redirect_slashes=False,
        responses={
            "4XX": {"model": Failed, "description": "what was wrong with the request"},
            422: {"model": Failed},
            503: {"model": Failed, "description": "the database or the data location does not answer"},
            507: {"model": Failed, "description": "the server's disk is full"},
        },
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    for routes in (about, files, jobs, events, outcomes, health):
        app.include_router(routes.router)
    app.add_api_route("/docs", lambda: page.docs(app), include_in_schema=False)
    app.include_router(page.page_routes())
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limits=services.limits)
    app.add_middleware(Gate, access=services.access)
    app.add_middleware(HeadAndSlash, routes=app.routes)
    app.add_middleware(Journal, metrics=services.metrics)
    _answer_errors(app, services)
    return app


def _answer_errors(app: FastAPI, services: Services) -> None:
    folder = services.library.folder

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ImpastoError)
        problem = problem_of(error, folder)
        if problem.status_code >= 500:
            logging.getLogger("impasto.server").warning("%s: %s", type(error).__name__, error)
        return answer(problem)

    async def system(request: Request, error: Exception) -> Response:
        assert isinstance(error, OSError)
        problem = problem_of_system(error.errno)
        if problem is None:
            try:
                services.store.check()  # a file that is not there may have gone with all others
            except ImpastoError as gone:
                return await ours(request, gone)
            raise error  # nobody thought of it
        logging.getLogger("impasto.server").warning("%s: %s", type(error).__name__, error)
        return answer(problem)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(problem_of_validation(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.scope["path"]
        methods = allowed(app.routes, path) if error.status_code == 405 else ""
        if request.method == "OPTIONS" and methods != "":
            return Response(status_code=204, headers={"Allow": methods})
        return answer(problem_of_http(error, request.method, path, allow=methods))

    app.add_exception_handler(ImpastoError, ours)
    app.add_exception_handler(OSError, system)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


@contextlib.asynccontextmanager
async def _alive(services: Services) -> AsyncIterator[None]:
    services.pictures.warm_up()
    threading.Thread(target=_place_samples, args=(services,), name="samples", daemon=True).start()
    async with services.hub.running():
        yield


def _place_samples(services: Services) -> None:
    try:
        services.samples.all()
    except ImpastoError as error:
        logging.getLogger("impasto.server").warning("the samples could not be put into the data location: %s", error)
