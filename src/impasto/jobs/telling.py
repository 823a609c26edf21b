"""What a worker tells of a run while it goes: progress, the picture so far, the losses.

Often enough to watch, too seldom to cost.
Nothing here stops a run: what cannot be written now is written the next time.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from impasto.errors import ImpastoError
from impasto.images import encode, resize
from impasto.jobs.job import Progress
from impasto.jobs.store import Folder, Store, job_key
from impasto.run import Run, Step

PREVIEW_SIDE_PX: Final = 768
RECORDS: Final = 2000
"""Losses that are told of at most; beyond that every second, every fourth and so on."""

_SHARE: Final = 0.03
"""Pictures of the way take at most about this share of the time."""


class Telling:
    """Tells of one job's run."""

    def __init__(self, store: Store, job: str) -> None:
        # A file system answers in a moment; a service is asked less often, and each time costs.
        self._store, self._job = store, job
        self._every_s, self._preview_every_s = (0.4, 2.0) if isinstance(store, Folder) else (2.0, 6.0)
        self._told = self._shown = float("-inf")
        self._cost_s = 0.0
        self._preview_step: int | None = None
        self._logged: set[str] = set()

    def step(self, run: Run, step: Step) -> None:
        """After a step; `step` is not kept."""
        now = time.monotonic()
        if now - self._shown >= max(self._preview_every_s, self._cost_s / _SHARE):
            self._shown = now
            self._try(lambda: self._preview(run, step))
            self._try(lambda: self._losses(run))
            self._cost_s = time.monotonic() - now
        elif now - self._told < self._every_s and step.step + 1 < step.steps:
            return
        self._told = now
        height, width = step.size
        progress = Progress(
            step.step,
            step.steps,
            step.level,
            step.levels,
            width,
            height,
            step.iteration,
            step.iterations,
            step.loss,
            dict(step.parts),
            round(run.seconds, 2),
            round(step.seconds_left, 1),
            self._preview_step,
        )
        self._try(lambda: self._put("progress.json", json.dumps(asdict(progress)).encode()))

    def end(self, run: Run) -> None:
        """The losses as they are when a run stops or ends."""
        self._try(lambda: self._losses(run))

    def _preview(self, run: Run, step: Step) -> None:
        rgb = run.finished_picture(step.picture[0].clamp(0, 1).float().cpu())
        height, width = rgb.shape[1:]
        scale = min(1.0, PREVIEW_SIDE_PX / max(height, width))
        small = resize(rgb[None], (max(1, round(height * scale)), max(1, round(width * scale))))[0]
        self._put("preview.webp", encode(small, ".webp", quality=85))
        self._preview_step = step.step

    def _losses(self, run: Run) -> None:
        every = max(1, -(-len(run.records) // RECORDS))
        records = [asdict(record) for record in run.records[::every]]
        self._put("losses.json", json.dumps({"records": records}).encode())

    def _put(self, name: str, data: bytes) -> None:
        self._store.write(job_key(self._job, name), data)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except ImpastoError as error:
            if str(error) not in self._logged:  # it is tried several times per second
                self._logged.add(str(error))
                logging.getLogger("impasto.worker").warning("not told: %s", error)
