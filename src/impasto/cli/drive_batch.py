"""A batch in a terminal: one bar for all, one line for each picture at hand, a table at the end."""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from impasto.batch import Batch, Outcome, Row
from impasto.batch.folder import alone, clear, own_place
from impasto.batch.report import Written, write_report
from impasto.batch.share import Share, share
from impasto.cli.interrupts import interruptible
from impasto.cli.options import INTERRUPTED
from impasto.cli.streams import tell_result
from impasto.duration import duration
from impasto.errors import InputError, OutputError
from impasto.files import make_folder
from impasto.jobs import Job, Queue, open_store
from impasto.jobs.request import Suffix
from impasto.jobs.supervise import Workers
from impasto.storage.text import shown as shown_text
from impasto.storage.text import to_json


def drive_batch(
    rows: Sequence[Row],
    folder: Path,
    given: Mapping[str, Any],
    *,
    suffix: Suffix,
    record: bool,
    workers: int | None,
    database: str | None,
    data: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make them; exit 1 when one failed or no worker could start, 130 when interrupted."""
    begun = time.monotonic()
    if database is not None and data is None:
        raise InputError("--database is for several machines, which need the files as well; say where with --data")
    if workers == 0 and database is None:
        raise InputError("--workers 0 leaves nobody to make them; name the queue that others work on with --database and --data")
    make_folder(folder)
    with alone(folder), interruptible("stopping: what is at hand is saved") as caught:
        queue = Queue(open_store(own_place(folder) if data is None else data), database)
        try:
            batch = Batch(rows, folder, queue, given, suffix=suffix, record=record, shared=data is not None)
            batch.submit(stop=lambda: bool(caught))
            failed = _worked(batch, queue, caught, share(rows, given, workers), total=len(rows), shown=not (quiet or as_json))
        finally:
            queue.close()
        if data is None and not batch.unfinished:
            clear(folder)
    outcomes = [batch.outcomes[row.name] for row in rows if row.name in batch.outcomes]
    written = _reported(folder, outcomes, seconds=time.monotonic() - begun, unfinished=batch.unfinished)
    _tell(outcomes, written, batch.unfinished, failed, quiet=quiet, as_json=as_json)
    if failed is not None:
        print(f"impasto: {shown_text(failed)}", file=sys.stderr)
    if batch.unfinished:
        print(f"impasto: stopped with {batch.unfinished} to go; the same command goes on", file=sys.stderr)
        sys.exit(INTERRUPTED if caught else 1)
    if any(one.state == "failed" for one in outcomes):
        sys.exit(1)


def _worked(batch: Batch, queue: Queue, caught: list[int], split: Share, *, total: int, shown: bool) -> str | None:
    """Have workers make what is at hand; return why none could start, or None."""
    crew = Workers(
        queue.store.url,
        queue.database,
        mark=queue.store.mark,
        count=split.workers,
        threads=split.threads,
        name=f"batch-{secrets.token_hex(6)}",
        on_failed=lambda _: None,  # it is said at the end
    )
    if batch.at_hand and split.workers and not caught:
        crew.start()
    try:
        _follow(batch, lambda: bool(caught) or crew.failed is not None, shown=shown, total=total, split=split)
        return crew.failed
    finally:
        crew.stop()


def _reported(folder: Path, outcomes: Sequence[Outcome], *, seconds: float, unfinished: int) -> Written | None:
    """Write the report; None where that cannot be, which changes nothing for the pictures."""
    try:
        return write_report(folder, outcomes, seconds=seconds, unfinished=unfinished)
    except (OutputError, ValueError) as error:
        print(f"impasto: the report is missing: {shown_text(error)}", file=sys.stderr)
        return None


def _follow(batch: Batch, stop: Callable[[], bool], *, shown: bool, total: int, split: Share) -> None:
    console = Console(stderr=True, quiet=not shown, highlight=False)
    todo = batch.at_hand
    skipped = {name for name, one in batch.outcomes.items() if one.state == "skipped"}
    console.print(f"{total} picture{'' if total == 1 else 's'}, {len(skipped)} done already{split.words if todo else ''}")
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    bars = Progress(*columns, console=console, disable=not shown or not console.is_terminal, transient=True)
    with contextlib.ExitStack() as drawn:
        with contextlib.suppress(RuntimeError):  # no thread can be started that would draw them
            drawn.enter_context(bars)
        whole = bars.add_task("all", total=total, completed=total - todo, left="")
        each: dict[str, Any] = {}
        said = set(skipped)
        begun = time.monotonic()
        for jobs in batch.watch(stop=stop):
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
                each[job.id] = bars.add_task(escape(shown_text(job.request.name)), total=job.progress.steps, left="")
            left = f"{duration(job.progress.seconds_left)} left"
            bars.update(each[job.id], completed=job.progress.step + 1, total=job.progress.steps, left=left)


def _say(console: Console, one: Outcome) -> None:
    if one.state in {"failed", "stopped"}:
        console.print(
            f"[red]{one.state}[/red]  {escape(shown_text(one.row.name))}: {escape(shown_text(one.message or ''))}", soft_wrap=True
        )
    elif one.seconds is not None:
        console.print(f"{duration(one.seconds):>10}  {escape(shown_text(one.picture))}", soft_wrap=True)


def _tell(
    outcomes: Sequence[Outcome], written: Written | None, unfinished: int, failed: str | None, *, quiet: bool, as_json: bool
) -> None:
    counts = {state: sum(one.state == state for one in outcomes) for state in ("made", "skipped", "failed")}
    if as_json:
        facts = {**counts, "unfinished": unfinished, "report": None if written is None else str(written.report)}
        tell_result(to_json(facts if failed is None else {**facts, "error": failed}))
        return
    if not quiet:
        table = Table("made", "skipped", "failed", "still to do")
        table.add_row(*(str(count) for count in (*counts.values(), unfinished)))
        Console(stderr=True).print(table)
    if written is not None:
        tell_result(written.report if quiet else written.page)
