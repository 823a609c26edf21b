"""How a batch looks in a terminal: one bar for all, one line for each picture at hand, a table at the end."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from impasto.batch import Batch, Outcome, Row
from impasto.batch.folder import alone, clear, own_place
from impasto.batch.report import write_report
from impasto.batch.share import Share, share
from impasto.cli.interrupts import interruptible
from impasto.cli.options import INTERRUPTED
from impasto.duration import duration
from impasto.errors import InputError
from impasto.files import make_folder
from impasto.jobs import Job, Queue, open_store
from impasto.jobs.request import Suffix
from impasto.jobs.supervise import Workers


def drive_batch(
    rows: Sequence[Row],
    folder: Path,
    given: Mapping[str, Any],
    *,
    suffix: Suffix,
    workers: int | None,
    database: str | None,
    data: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Makes them; exits 1 when one failed, 130 when interrupted."""
    begun = time.monotonic()
    if database is not None and data is None:
        raise InputError("--database is for several machines, which need the files as well; say where with --data")
    if workers == 0 and database is None:
        raise InputError("--workers 0 leaves nobody to make them; name the queue that others work on with --database and --data")
    make_folder(folder)
    with alone(folder), interruptible("stopping: what is at hand is saved") as caught:
        queue = Queue(open_store(own_place(folder) if data is None else data), database)
        batch = Batch(rows, folder, queue, given, suffix=suffix)
        batch.submit(stop=lambda: bool(caught))
        split = share(rows, given, workers)
        crew = Workers(
            queue.store.url, queue.database, count=split.workers, threads=split.threads, name=f"batch-{secrets.token_hex(6)}"
        )
        if batch.at_hand and split.workers and not caught:
            crew.start()
        try:
            _follow(batch, caught, shown=not (quiet or as_json), total=len(rows), split=split)
        finally:
            crew.stop()
            queue.close()
        if data is None and not batch.unfinished:
            clear(folder)
    outcomes = [batch.outcomes[row.name] for row in rows if row.name in batch.outcomes]
    write_report(folder, outcomes, seconds=time.monotonic() - begun, unfinished=batch.unfinished)
    _tell(outcomes, folder, batch.unfinished, quiet=quiet, as_json=as_json)
    if batch.unfinished:
        print(f"impasto: stopped with {batch.unfinished} to go; the same command goes on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if any(one.state == "failed" for one in outcomes):
        sys.exit(1)


def _follow(batch: Batch, caught: list[int], *, shown: bool, total: int, split: Share) -> None:
    console = Console(stderr=True, quiet=not shown, highlight=False)
    todo = batch.at_hand
    skipped = {name for name, one in batch.outcomes.items() if one.state == "skipped"}
    console.print(f"{total} pictures, {len(skipped)} done already{split.words if todo else ''}")
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=console, disable=not shown or not console.is_terminal, transient=True) as bars:
        whole = bars.add_task("all", total=total, completed=total - todo, left="")
        each: dict[str, Any] = {}
        said = set(skipped)
        begun = time.monotonic()
        for jobs in batch.watch(stop=lambda: bool(caught)):
            for name in batch.outcomes.keys() - said:
                _say(console, batch.outcomes[name])
            said = set(batch.outcomes)
            ended = todo - batch.at_hand
            left = "" if not ended else f"about {duration((time.monotonic() - begun) / ended * batch.at_hand)} left"
            bars.update(whole, completed=total - batch.at_hand, left=left)
            _pictures(bars, each, [job for job in jobs if job.state == "running"])
        for name in batch.outcomes.keys() - said:
            _say(console, batch.outcomes[name])


def _pictures(bars: Progress, each: dict[str, Any], jobs: Sequence[Job]) -> None:
    for gone in each.keys() - {job.id for job in jobs}:
        bars.remove_task(each.pop(gone))
    for job in jobs:
        if job.progress is not None:
            if job.id not in each:
                each[job.id] = bars.add_task(escape(job.request.name), total=job.progress.steps, left="")
            left = f"{duration(job.progress.seconds_left)} left"
            bars.update(each[job.id], completed=job.progress.step + 1, total=job.progress.steps, left=left)


def _say(console: Console, one: Outcome) -> None:
    if one.state in {"failed", "stopped"}:
        console.print(f"[red]{one.state}[/red]  {escape(one.row.name)}: {escape(one.message or '')}", soft_wrap=True)
    elif one.seconds is not None:
        console.print(f"{duration(one.seconds):>10}  {escape(str(one.picture))}", soft_wrap=True)


def _tell(outcomes: Sequence[Outcome], folder: Path, unfinished: int, *, quiet: bool, as_json: bool) -> None:
    counts = {state: sum(one.state == state for one in outcomes) for state in ("made", "skipped", "failed")}
    if as_json:
        print(json.dumps({**counts, "unfinished": unfinished, "report": str(folder / "report.json")}))
        return
    if quiet:
        print(folder / "report.json")
        return
    table = Table("made", "skipped", "failed", "still to do")
    table.add_row(*(str(count) for count in (*counts.values(), unfinished)))
    Console(stderr=True).print(table)
    print(folder / "index.html")
