"""A queue of each kind: SQLite in a folder, and PostgreSQL where IMPASTO_TEST_POSTGRES names one (scripts/postgres.sh)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from PIL import Image
from tests.samples import photo

from impasto.jobs import Queue, Ref, Request, Store, StyleRef, open_store
from impasto.jobs.store import keep_file

POSTGRES = os.environ.get("IMPASTO_TEST_POSTGRES")
SMALL: dict[str, Any] = {
    "size": 48,
    "iterations": 3,
    "levels": 1,
    "style_layers": {"conv1_1": 1.0},
    "content_layers": {"conv2_1": 1.0},
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """A URL of a database of its own; None is the store's SQLite file."""
    if request.param == "sqlite":
        yield None
        return
    if POSTGRES is None:
        assert "CI" not in os.environ, ".ci/run starts a server"
        pytest.skip("IMPASTO_TEST_POSTGRES names no database server")
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "data")


@pytest.fixture
def queue(store: Store, database: str | None) -> Iterator[Queue]:
    made = Queue(store, database)
    yield made
    made.close()


def picture(folder: Path, name: str, seed: int = 0, size: tuple[int, int] = (40, 60)) -> Path:
    path = folder / f"{name}.png"
    Image.fromarray(np.asarray(photo(*size, seed))).save(path)
    return path


@pytest.fixture
def request_(store: Store, tmp_path: Path) -> Request:
    """A small picture to make."""
    return small_request(store, tmp_path)


def small_request(store: Store, folder: Path, seed: int = 0, **settings: Any) -> Request:
    content, style = (
        keep_file(store, picture(folder, name, seed + at).read_bytes()) for at, name in enumerate(("photo", "paint"))
    )
    return Request(
        content=Ref(sha256=content, name="photo"),
        styles=(StyleRef(sha256=style, name="paint"),),
        settings={**SMALL, **settings},
        name=f"small {seed}",
    )
