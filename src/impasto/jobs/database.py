"""Where the queue is: a SQLite file in the data location's folder, or any database DBOS knows, made ready for use."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

import dbos
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from impasto.errors import InputError, Unavailable
from impasto.jobs.store import Folder, Store, first_line, plain_url
from impasto.storage.text import shown

APPLICATION: Final = "impasto"
QUEUE: Final = "pictures"
WORKFLOW: Final = "paint"
VERSION: Final = "jobs-1"
"""Of what a workflow's steps are; work of another version is left to workers of that version."""


def database_url(store: Store, given: str | None) -> str:
    """The URL of the queue's database.  Raises InputError where none follows from the store."""
    if given is not None:
        if not given.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise InputError(f"--database expects postgresql://… or sqlite:///FILE, got {given.partition('://')[0]!r}")
        return given
    if not isinstance(store, Folder):
        raise InputError("files at a URL are for several machines, which need a database together; name it with --database")
    if "?" in store.url or "%" in store.url:
        raise InputError(f"a folder with ? or % in its name cannot hold the queue: {store.url}; choose another one")
    return f"sqlite:///{Path(store.url) / 'queue.sqlite'}"


def prepared(url: str) -> dbos.DBOSClient:
    """Return a client of the database; its tables and the queue are made where they are missing.

    Raises:
        InputError: The URL names no database that can be used.
        Unavailable: It does not answer.
    """
    logging.getLogger("dbos").setLevel(logging.ERROR)
    if url.startswith("sqlite:///"):
        # Readers and a writer at once; the file remembers it.
        file = url.removeprefix("sqlite:///")
        try:
            with sqlite3.connect(file, timeout=30) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
        except sqlite3.Error as error:
            raise InputError(f"{shown(file)} cannot be used as a queue: {error}; name another file, or remove it") from None
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
