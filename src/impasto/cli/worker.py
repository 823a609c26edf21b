"""`impasto worker`: takes jobs from a queue, here or on any machine that reaches its database and its files."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.loading import loading
from impasto.errors import Unavailable

if TYPE_CHECKING:
    from impasto.jobs.worker import Worker

_DATA = Annotated[str | None, typer.Option("--data", help="the data location: a folder or an fsspec URL", show_default=False)]
_DATABASE = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="IMPASTO_DATABASE",
        help="the queue's database, postgresql://… or sqlite:///FILE",
        metavar="URL",
        show_default=False,
    ),
]


def worker(
    data: _DATA = None,
    database: _DATABASE = None,
    checkpoint_every: Annotated[float, typer.Option("--checkpoint-every", min=0.0, help="seconds between checkpoints")] = 30.0,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="end when no job waits and none is at work")] = False,
    name: Annotated[str | None, typer.Option("--name", hidden=True)] = None,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
    mark: Annotated[str | None, typer.Option("--mark", hidden=True)] = None,
    json_log: Annotated[bool, typer.Option("--json-log", help="write the log as JSON lines")] = False,
) -> None:
    """Make the pictures that `impasto serve` and `impasto batch` queue, one at a time; Ctrl-C saves and ends it.

    impasto worker --database postgresql://user:password@host/impasto --data s3://bucket/impasto
    """
    from impasto.jobs.log import log_to_stderr
    from impasto.jobs.worker_process import READY, TRY_AGAIN

    log_to_stderr(as_json=json_log, level="INFO" if parent is None or json_log else "WARNING")

    def say_ready() -> None:
        if parent is not None:
            with contextlib.suppress(OSError):
                os.write(1, READY + b"\n")

    try:
        made = _made(data, database, name=name, parent=parent, mark=mark, segment_s=checkpoint_every)
        made.run(until_idle=until_idle, on_ready=say_ready)
    except Unavailable as error:
        if parent is None:
            raise
        if json_log:
            logging.getLogger("impasto.worker").warning("%s", error)
        else:
            print(f"impasto: {error}", file=sys.stderr)
        sys.exit(TRY_AGAIN)


def _made(
    data: str | None, database: str | None, *, name: str | None, parent: int | None, mark: str | None, segment_s: float
) -> Worker:
    from impasto.jobs.database import database_url
    from impasto.jobs.place import default_place
    from impasto.jobs.store import open_store

    store = open_store(default_place() if data is None else data, mark=mark)
    url = database_url(store, database)
    with loading():
        from impasto.jobs.worker import Worker
    unique = f"{socket.gethostname().partition('.')[0]}-{os.getpid()}-{secrets.token_hex(3)}"
    return Worker(store, url, name=unique if name is None else name, parent=parent, segment_s=segment_s)
