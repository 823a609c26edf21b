"""Example pictures that come with the program, so that there is something to try at once."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from impasto.server.library import Filed, Library


@dataclass(frozen=True)
class Sample:
    """A picture of samples/, as samples.json lists it."""

    role: Literal["content", "style"]
    name: str
    title: str
    author: str
    licence: str
    source: str
    changes: str
    width: int
    height: int

    @property
    def terms(self) -> str:
        """All that must be said where the picture is shown."""
        return f"{self.licence}. Source: {self.source}. Changes: {self.changes}."

    def data(self) -> bytes:
        """Its file."""
        return (resources.files("impasto.server") / "samples" / f"{self.name}.jpg").read_bytes()


def samples() -> list[Sample]:
    """All of them, in their order."""
    listed = resources.files("impasto.server") / "samples" / "samples.json"
    return [Sample(**facts) for facts in json.loads(listed.read_text("utf-8"))]


class Placed:
    """Samples that are put among a data location's files when they are first asked for."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._ids: dict[str, str] = {}

    def placed(self) -> set[str]:
        """The files' ids of those that somebody was told of."""
        with self._lock:
            return set(self._ids.values())

    def all(self) -> list[tuple[str, Sample]]:
        """Each with its file's id."""
        found = samples()
        with self._lock:
            for sample in found:
                if sample.name not in self._ids:
                    data = sample.data()
                    sha256 = hashlib.sha256(data).hexdigest()
                    filed = Filed(
                        id=sha256,
                        name=sample.name,
                        kind="picture",
                        media="image/jpeg",
                        bytes=len(data),
                        width=sample.width,
                        height=sample.height,
                    )
                    self._library.keep(data, filed)
                    self._ids[sample.name] = sha256
        return [(self._ids[sample.name], sample) for sample in found]
