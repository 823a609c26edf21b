"""`impasto serve`: the studio in the browser, and the API."""

from __future__ import annotations

import os
from typing import Annotated, Any, Final

import typer

from impasto.cli.loading import loading
from impasto.errors import InputError
from impasto.server.limits import Limits

_LIMITS: Final = Limits()
ADDRESS, DATA, LIMITS = "Address and access", "Data and workers", "Limits"


def _limit(name: str, flag: str, text: str) -> Any:
    return typer.Option(
        flag,
        min=1,
        help=f"{text} [dim]\\[default: {getattr(_LIMITS, name)}][/dim]",
        rich_help_panel=LIMITS,
        metavar="N",
        show_default=False,
    )


def serve(
    host: Annotated[
        str, typer.Option("--host", help="address to bind to; any but this machine's own needs a token", rich_help_panel=ADDRESS)
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="port; 0 takes a free one", rich_help_panel=ADDRESS)
    ] = 8000,
    tokens: Annotated[
        list[str] | None,
        typer.Option(
            "--token",
            help="what clients must show; several for several users, each of whom sees their own jobs; others on this machine "
            "can read options, so rather set IMPASTO_TOKEN",
            rich_help_panel=ADDRESS,
            metavar="TOKEN",
            show_default=False,
        ),
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option(
            "--origin",
            help="the address under which a proxy shows this server, as https://studio.example; needs a token",
            rich_help_panel=ADDRESS,
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="folder or URL (s3://bucket/folder) of jobs and files [dim]\\[default: studio in the user's data folder][/dim]",
            rich_help_panel=DATA,
            metavar="FOLDER|URL",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            envvar="IMPASTO_DATABASE",
            help="queue, as postgresql://… [dim]\\[default: a file in --data][/dim]",
            rich_help_panel=DATA,
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="processes that make pictures", rich_help_panel=DATA)] = 1,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="make no pictures here; workers run elsewhere", rich_help_panel=DATA)
    ] = False,
    limit_upload_bytes: Annotated[int | None, _limit("upload_bytes", "--limit-upload-bytes", "bytes of a file")] = None,
    limit_upload_pixels: Annotated[int | None, _limit("upload_pixels", "--limit-upload-pixels", "pixels of a picture")] = None,
    limit_files: Annotated[int | None, _limit("files_per_job", "--limit-files", "files of a job")] = None,
    limit_queue: Annotated[int | None, _limit("queue", "--limit-queue", "jobs on the queue, per token")] = None,
    limit_streams: Annotated[int | None, _limit("streams", "--limit-streams", "event streams that are open at once")] = None,
    limit_unused_hours: Annotated[
        int | None, _limit("unused_hours", "--limit-unused-hours", "hours that a file is kept which no job names")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="open the page in the browser")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="log warnings only, and do not print the address")] = False,
) -> None:
    """Serve the studio page and the API, with a worker, at http://127.0.0.1:8000.

    impasto serve --open

    IMPASTO_TOKEN=$(openssl rand -hex 24) impasto serve --host 0.0.0.0
    """
    from impasto.jobs.place import default_place

    with loading():
        from impasto.server.serving import Options
        from impasto.server.serving import serve as run

    given = {
        "upload_bytes": limit_upload_bytes,
        "upload_pixels": limit_upload_pixels,
        "files_per_job": limit_files,
        "queue": limit_queue,
        "streams": limit_streams,
        "unused_hours": limit_unused_hours,
    }
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if limit_upload_bytes is not None:
        chosen["request_bytes"] = max(_LIMITS.request_bytes, limit_upload_bytes + _LIMITS.body_bytes)
    options = Options(
        data=str(default_place()) if data is None else data,
        host=host,
        port=port,
        database=database,
        tokens=_tokens(tokens),
        origins=[_origin(text) for text in origins or ()],
        workers=0 if no_worker else workers,
        limits=Limits(**chosen),
        log_level="warning" if quiet else "info",
    )
    # Without the token: what a browser is started with, others on this machine can read.
    run(options, lambda address: _ready(address, address if open_browser else None, show=not quiet))


def _tokens(given: list[str] | None) -> list[str]:
    """Those of the command line, or of IMPASTO_TOKEN, where several stand with commas between."""
    return given if given else [word for word in os.environ.get("IMPASTO_TOKEN", "").split(",") if word != ""]


def _origin(text: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise InputError(f"--origin expects an address as https://studio.example, got {text!r}")
    return text


def _ready(address: str, to_open: str | None, *, show: bool) -> None:
    if show:
        print(f"impasto: {address}   (Ctrl-C ends it; what is being made is kept, and goes on at the next start)", flush=True)
    if to_open is not None:
        import webbrowser

        webbrowser.open(to_open)
