"""What a run will take on this machine, said before it begins: seconds, and the most memory; and the same for the full size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from impasto.duration import duration
from impasto.evaluate.memory import Plan
from impasto.run.engine import Run
from impasto.run.levels import plan
from impasto.run.pace import Work


def expected_line(run: Run) -> str:
    """One line before the start: how the run will go, the most memory it will have, of how much, and how long it will take."""
    # Time first: what was tried out has loaded and warmed up what the run needs anyway, so that the memory now is its base.
    seconds = duration(run.seconds_left())
    plans = run.budget.plans[run.level :]
    height, width = run.levels[-1].size
    line = f"{width:,}×{height:,}{_in_words(run, plans[-1])}"
    return f"{line}, {_memory(run, plans)}, about {seconds}"


def expected_facts(run: Run) -> dict[str, Any]:
    """The same as JSON values: bytes and seconds in all, and the plan of each level."""
    seconds = run.seconds_left()
    plans = run.budget.plans[run.level :]
    levels = [
        {
            "width": level.size[1],
            "height": level.size[0],
            "iterations": level.iterations,
            "tile_px": plan.tile_px,
            "tiles": plan.tiles,
            "kept_from": plan.kept_from,
            "history": plan.history,
            "bytes": round(run.budget.peak_bytes([plan])),
            "disk_bytes": round(plan.disk),
        }
        for plan, level in zip(plans, run.levels[run.level :], strict=True)
    ]
    return {
        "seconds": round(seconds, 1),
        "bytes": round(run.budget.peak_bytes(plans)),
        "free_bytes": run.budget.most_bytes,
        "levels": levels,
    }


def original_line(run: Run) -> str:
    """One line: what `--size original` would take here."""
    height, width = run.inputs.content.size
    settings = run.settings.model_copy(update={"size": "original", "memory": None})
    levels = plan(settings, (height, width), min_side_px=1)
    plans = [run.budget.plan(level.canvas(settings.canvas_margin), limited=False) for level in levels]
    works = [Work(each.work_pixels, level.iterations + 1) for each, level in zip(plans, levels, strict=True)]
    seconds = duration(run.pace(always=True).left(works))
    return f"--size original: {width:,}×{height:,}{_in_words(run, plans[-1])}, {_memory(run, plans)}, about {seconds}"


def _in_words(run: Run, plan: Plan) -> str:
    """` in 12 tiles of 1,104 px, 10 pairs of history, 2.7 GB on disk`: what differs from the whole picture at once."""
    words = "" if run.together is None else f" by {run.together.shards.count} processes"
    words += "" if plan.tile_px is None else f" in {plan.tiles} tiles of {plan.tile_px:,} px"
    return words + plan.more_words(with_history=0 < plan.history < run.settings.lbfgs_history)


def _memory(run: Run, plans: Sequence[Plan]) -> str:
    need, most = run.budget.peak_bytes(plans), run.budget.most_bytes
    words = f"{need / 1e9:.1f} GB of {most / 1e9:.1f} GB" + (" each" if run.together is not None else "")
    return words if need <= most else f"{words}, which is not enough: a smaller --size needs less"
