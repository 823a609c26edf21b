"""Where the queue is: a SQLite file in the data location's folder, or any database DBOS knows, made ready for use."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import dbos
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from impasto.errors import InputError, Unavailable
from impasto.jobs.store import Folder, Store, first_line, plain_url
from impasto.storage.text import shown, valid

APPLICATION: Final = "impasto"
QUEUE: Final = "pictures"
WORKFLOW: Final = "paint"
_FILE: Final = "sqlite:///"
_URI_FILE: Final = f"{_FILE}file:"
VERSION: Final = "jobs-1"
"""The version of a workflow's steps; work of another version is left to workers of that version."""


def database_url(store: Store, given: str | None) -> str:
    """Return the URL of the queue's database.  Raises InputError where none follows from the store."""
    if given is not None:
        if not given.startswith((_FILE, "postgresql://", "postgresql+psycopg://")):
            raise InputError(f"--database expects postgresql://… or sqlite:///FILE, got {given.partition('://')[0]!r}")
        return given
    if not isinstance(store, Folder):
        raise InputError("files at a URL are for several machines, which need a database together; name it with --database")
    return _file_url(Path(store.url) / "queue.sqlite")


def _file_url(file: Path) -> str:
    """Return the URL of a SQLite file, whatever characters or bytes its path has."""
    text = str(file)
    if valid(text) == text:
        # SQLAlchemy decodes it, after it cut off what follows a `?`.
        return _FILE + text.replace("%", "%25").replace("?", "%3F")
    # Bytes that are no UTF-8: SQLite decodes what begins with `file:` once more (its "URI filenames").
    return f"{_URI_FILE}{quote(quote(os.fsencode(file)))}?uri=true"


def needs_migration(url: str) -> bool:
    """Return whether DBOS must be let to make its tables: it takes a `file:` address for a file that is missing."""
    return url.startswith(_URI_FILE)


def database_file(url: str) -> Path | None:
    """Return the file of a SQLite database; None for a service.

    >>> str(database_file("sqlite:///file:/srv/50%2525%2520done/queue.sqlite?uri=true"))
    '/srv/50% done/queue.sqlite'
    """
    if not url.startswith(_FILE):
        return None
    path = unquote(url.removeprefix(_FILE).partition("?")[0], errors="surrogateescape")
    return Path(unquote(path.removeprefix("file:"), errors="surrogateescape") if path.startswith("file:") else path)


def prepared(url: str, *, new: bool = True) -> dbos.DBOSClient:
    """Return a client of the database; its tables and the queue are made where they are missing.

    Args:
        url: The database.
        new: Whether a SQLite file is made where there is none.  A worker of a queue that is open elsewhere must not make one.

    Raises:
        InputError: The URL names no database that can be used.
        Unavailable: It does not answer, or is not there and must not be made.
    """
    logging.getLogger("dbos").setLevel(logging.ERROR)
    file = database_file(url)
    if file is not None:
        _prepare_file(file, new=new)
    try:
        dbos.DBOS.migrate(url)
        client = dbos.DBOSClient(
            system_database_url=url,
            application_name=APPLICATION,
            retry_connection_errors=False,
            lazy=True,
            system_database_pool_size=8,
        )
        client.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=0.5)
    except (ArgumentError, ValueError) as error:
        raise InputError(f"the queue's database {plain_url(url)} cannot be used: {first_line(error)}") from None
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(f"the queue's database {plain_url(url)} does not answer: {first_line(error)}") from None
    return client


def _prepare_file(file: Path, *, new: bool) -> None:
    """Let a SQLite file have readers and a writer at once, which it remembers.  Raises InputError or Unavailable."""
    if not new and not file.exists():
        raise Unavailable("the queue's file was moved or removed while it was in use; put it back where it was")
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=30)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:  # a full disk, a folder that is read-only: the file itself may be well
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_LOCKED")):
            raise Unavailable(f"the queue's file {shown(file)} does not answer: {error}; try again in a moment") from None
        raise InputError(f"{shown(file)} cannot be used as a queue: {error}; make it writable, or name another file") from None
    except sqlite3.Error as error:
        raise InputError(f"{shown(file)} is no queue: {error}; name another file, or move this one away") from None
