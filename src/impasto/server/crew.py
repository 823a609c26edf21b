"""The workers that a server brings along."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol


class Crew(Protocol):
    """What jobs.supervise keeps running."""

    def start(self) -> None:
        """Starts the processes; those that die are started again."""

    def stop(self, timeout_s: float) -> None:
        """Asks them to end, and waits until what they have is saved."""

    def alive(self) -> int:
        """How many there are."""


def crew(store_url: str, database: str, count: int) -> Crew:
    """So many workers of a queue, not yet started."""
    workers: Crew = import_module("impasto.jobs.supervise").Workers(store_url, database, count=count)
    return workers
