"""What a client sends, and what a worker would do."""

from __future__ import annotations

import base64
import io
import json
import pickle
import sqlite3
import warnings
from typing import Any

import numpy as np
from PIL import Image
from tests.samples import painting, photo

from impasto.images import encode, read
from impasto.jobs import Queue
from impasto.jobs.store import job_key

with warnings.catch_warnings():
    # Of the httpx that it works with, and the one that it would rather have.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

__all__ = ["BASE", "TOKEN", "TestClient", "Work", "encoded", "job_body", "png", "send", "style_png", "submit"]

TOKEN = "a-token-of-more-than-16-letters"
BASE = "http://127.0.0.1:8000"


class Work:
    """What a worker does, as far as a server sees it."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def put(self, job: str, name: str, data: bytes | dict[str, Any]) -> None:
        self._queue.store.write(job_key(job, name), data if isinstance(data, bytes) else json.dumps(data).encode())

    def progress(self, job: str, step: int, *, preview_step: int | None = None, loss: float = 2.0) -> None:
        facts = {"step": step, "steps": 100, "level": 1, "levels": 2, "width": 64, "height": 48, "iteration": step}
        facts |= {"iterations": 50, "loss": loss, "parts": {"content": 1.0, "style": 1.0}, "seconds": 1.0, "seconds_left": 9.0}
        self.put(job, "progress.json", {**facts, "preview_step": preview_step})

    def state(self, job: str, status: str, output: dict[str, Any] | None = None) -> None:
        """As DBOS would record it."""
        connection = sqlite3.connect(self._queue.database.removeprefix("sqlite:///"))
        with connection:
            connection.execute(
                "UPDATE workflow_status SET status = ?, completed_at = created_at WHERE workflow_uuid = ?", (status, job)
            )
            if output is not None:
                encoded = base64.b64encode(pickle.dumps(output)).decode()
                connection.execute(
                    "INSERT INTO workflow_output (workflow_uuid, output) VALUES (?, ?)",
                    (job, encoded),
                )
        connection.close()

    def finish(self, job: str, *, bits: int = 8) -> None:
        picture = read(photo(48, 64))
        self.put(job, "result.png", encode(picture.rgb, ".png", bits=bits, dpi=(300, 300), manifest='{"format": "impasto"}'))
        self.put(job, "manifest.json", {"format": "impasto", "content": {"name": "cat", "path": "/home/somebody/cat.jpg"}})
        made = {"width": 64, "height": 48, "seconds": 3.5, "loss": 0.25}
        self.state(job, "SUCCESS", {"made": made, "warnings": ["a warning of /tmp/impasto-x/file"]})


def png(height: int = 48, width: int = 64, *, seed: int = 0) -> bytes:
    return encoded(photo(height, width, seed))


def style_png(seed: int = 0) -> bytes:
    return encoded(painting(48, 64, seed))


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def send(client: TestClient, *files: tuple[str, bytes], **options: Any) -> list[dict[str, Any]]:
    answer = client.post("/api/v1/files", files=[("file", file) for file in files], **options)
    assert answer.status_code == 201, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def job_body(client: TestClient, *, seed: int = 0, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    content, style = send(client, ("cat.png", png(seed=seed)), ("waves.png", style_png()), headers=headers)
    return {"content": content["id"], "styles": [{"file": style["id"], "weight": 1.0}], "settings": {"size": 64}, **more}


def submit(client: TestClient, *, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/jobs", json=job_body(client, headers=headers, **more), headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found
