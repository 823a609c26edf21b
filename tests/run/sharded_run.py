"""Runs of several processes on the tiny network; a program that each of them runs: FOLDER, then what to do."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from tests.samples import painting, photo, tiny_weights

from impasto.errors import PeerLost
from impasto.losses import PIXELS
from impasto.presets import resolve
from impasto.run import Run, budget, gather
from impasto.run import saved as saved_module
from impasto.run.result import result_of
from impasto.run.resume import resumed
from impasto.run.serve import hand_out, joined, serve
from impasto.run.target import Target
from impasto.run.to_file import ToFile
from impasto.run.together import Together
from impasto.settings import Settings
from impasto.vgg import Vgg

STOP_AFTER = 9
"""In the middle of the second level."""

VALUES: dict[str, dict[str, Any]] = {
    "lbfgs": {"save_every": 4, "pooling": "average"},
    "adam": {"optimizer": "adam", "init": "noise", "margin": 0},
    "no style": {"style_weight": 0.0, "content_weight": 1.0, "init": "blend", "lbfgs_metric": 0.0},
}


def tiny(settings: Settings, _: object = None) -> Vgg:
    return Vgg(tiny_weights(), pooling=settings.pooling)


def make(name: str, together: Together | None = None) -> Run:
    settings = resolve({"size": 96, "levels": 2, "iterations": 5, "strength": 0.5, **VALUES[name]})
    styles = [painting(60, 80), painting(50, 50, 3)]
    run = Run(settings, gather(photo(70, 96), styles, settings), tiny(settings), together=together)
    if together is not None:
        hand_out(together, run)
    return run


def finish(run: Run) -> Any:
    pictures = {step.step: step.rgb for step in run if step.step % 4 == 0}
    return [record.loss for record in run.records], result_of(run).rgb, pictures


def to_checkpoint(run: Run, picture: Path) -> None:
    """Stops in the middle, which leaves a checkpoint."""
    ToFile(run, Target(picture, overwrite=True)).make(stop=lambda: len(run.records) >= STOP_AFTER)


def resume(checkpoint: Path, together: Together | None = None) -> Any:
    saved_module.network_for = tiny  # type: ignore[assignment]
    with resumed(checkpoint, together=together) as job:
        return finish(job.run)


def lead(together: Together, folder: Path, words: list[str]) -> None:
    for name in VALUES if "all" in words else ():
        run = make(name, together)
        assert ("tight" in words) == (run.budget.plans[-1].kept_from != PIXELS)
        torch.save(finish(run), folder / f"{name}.{together.shards.count}")
    if "checkpoint" in words:
        to_checkpoint(make("lbfgs", together), folder / "stopped.png")
    if "resume" in words:
        torch.save(resume(folder / "stopped.checkpoint", together), folder / f"resumed.{together.shards.count}")
    if "lose" in words:
        ToFile(make("lbfgs", together), Target(folder / "lost.png")).make()


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, *words = sys.argv[1:]
    rank = int(os.environ["RANK"])
    steps = 0

    def interrupted() -> bool:
        """Asked once a step; the last process dies at a step."""
        global steps  # noqa: PLW0603
        steps += 1
        if "lose" in words and rank == int(os.environ["WORLD_SIZE"]) - 1 and steps == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    if "tight" in words:
        budget.available_bytes = lambda _: 0  # so the plan that needs least is taken
    shares = [1.0, 2.0, 1.0][: int(os.environ["WORLD_SIZE"])]
    try:
        with joined(shares=shares, interrupted=interrupted) as company:
            assert company is not None
            if company.first:
                lead(company, Path(folder), words)
            else:
                serve(company)
    except PeerLost as error:
        print(json.dumps(str(error)))
        sys.exit(error.exit_code)
