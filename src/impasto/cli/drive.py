"""Runs in a terminal: preparation, progress and end, alike for new, resumed and repeated runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from impasto.cli.interrupts import interruptible
from impasto.cli.options import INTERRUPTED
from impasto.cli.progress import Progress
from impasto.cli.streams import tell_result
from impasto.errors import InvalidSettings
from impasto.evaluate.allocator import keep_freed_memory
from impasto.files import expanded, in_folder
from impasto.ranks import asked_for
from impasto.run import Run, losses_file, prepare
from impasto.run.forecast import expected_facts, expected_line, original_line
from impasto.run.inputs import Inputs
from impasto.run.repeat import repeated
from impasto.run.resume import resumed
from impasto.run.styles import assembled, passed_over
from impasto.run.target import Target, check_apart, claim, default_picture, resume_command
from impasto.run.to_file import CHECKPOINT_EVERY_S, Outcome, ToFile
from impasto.settings import Settings
from impasto.storage.text import to_json
from impasto.vgg.precision import caveat

if TYPE_CHECKING:
    from impasto.run.together import Together


@contextmanager
def several(caught: list[int], shares: str | None) -> Iterator[Together | None]:
    """Yield the processes that torchrun started, as one run; all but the first do what it says before they get inside."""
    if not asked_for() and shares is None:  # what it takes is not even imported
        yield None
        return
    from impasto.run.serve import joined, serve

    with joined(shares=parse_shares(shares), interrupted=lambda: bool(caught)) as together:
        if together is not None and not together.first:
            serve(together)
        yield together


def parse_shares(text: str | None) -> Sequence[float] | Literal["measured"] | None:
    """Return the shares that `--shares` says: numbers as in `2,1,1`, or `measured`."""
    if text is None or text == "measured":
        return text  # type: ignore[return-value]
    try:
        return [float(share) for share in text.split(",")]
    except ValueError:
        raise InvalidSettings(f"--shares expects numbers as 2,1,1, or measured, got {text!r}", setting="shares") from None


def stopped(caught: list[int], run: Run) -> Callable[[], bool]:
    """Return a function that says whether this process was asked to stop, or another that makes the same picture."""
    return lambda: bool(caught) or (run.together is not None and run.together.asked_to_stop)


def drive_new(
    content: str | None,
    styles: Sequence[str],
    settings: Settings,
    *,
    out: str | None,
    overwrite: bool,
    losses: Path | None,
    checkpoint_every_s: float | None,
    shares: str | None,
    quiet: bool,
    as_json: bool,
    record: bool = True,
    stem: str | None = None,
    masks: Sequence[str | None] = (),
    style_masks: Sequence[str | None] = (),
    color_mask: str | None = None,
) -> None:
    """Make a picture from its first step on; without content that is the first style; `stem` stands for the styles' names."""
    with interruptible() as caught, several(caught, shares) as together:
        if together is not None and not together.first:
            return
        if losses is not None:
            losses = expanded(losses)
            losses_file.check(losses)
        if not (quiet or as_json):
            for line in passed_over(styles):
                print(f"impasto: {line}", file=sys.stderr)
        inputs, settings = assembled(content, styles, settings, masks, style_masks, color_mask)
        run = prepare(settings, inputs, together=together)
        target = Target(_picture(run.inputs, out, stem=stem), overwrite, losses, settings.save_every is not None, record)
        every_s = CHECKPOINT_EVERY_S if checkpoint_every_s is None else checkpoint_every_s
        outcome = _make(run, caught, target, named_by_user=out is not None, every_s=every_s, shown=not (quiet or as_json))
    _report(outcome, quiet=quiet, as_json=as_json)


def drive_estimate(
    content: str,
    styles: Sequence[str],
    settings: Settings,
    *,
    masks: Sequence[str | None] = (),
    style_masks: Sequence[str | None] = (),
    color_mask: str | None = None,
    as_json: bool,
) -> None:
    """Print what a run would need, in the words that are said before one."""
    keep_freed_memory()
    inputs, settings = assembled(content, styles, settings, masks, style_masks, color_mask)
    run = prepare(settings, inputs)
    if as_json:
        print(to_json(expected_facts(run)))
        return
    print(expected_line(run))
    if settings.size != "original":
        print(original_line(run))


def _picture(inputs: Inputs, out: str | None, *, stem: str | None = None, suffix: str = ".png") -> Path:
    """Return the picture's file: as `-o` says, or CONTENT_STYLE in the folder that it says, or in `output`."""
    default = default_picture(inputs, stem=stem, suffix=suffix)
    return default if out is None else in_folder(out, default.name)


def _make(run: Run, caught: list[int], target: Target, *, named_by_user: bool, every_s: float, shown: bool) -> Outcome:
    keep_freed_memory()
    check_apart(target, run.inputs)
    with (
        claim(target, named_by_user=named_by_user, bits=run.settings.bits, size=run.levels[-1].size) as claimed,
        Progress(run.settings, shown=shown) as progress,
    ):
        progress.begin(run)
        _say_caveat(run, progress)
        if shown and not caught and run.together is None:
            progress.say(lambda: expected_line(run))
            if run.settings.size != "original":
                progress.say(lambda: original_line(run))
        job = ToFile(run, claimed, checkpoint_every_s=every_s)
        outcome = job.make(stop=stopped(caught, run), on_step=progress.step, on_warning=progress.warn)
        progress.end(run)
    return outcome


def _say_caveat(run: Run, progress: Progress) -> None:
    """Say before the work what the run asks for and this device has not."""
    words = caveat(run.vgg)
    if words is not None:
        progress.say(words)


def drive_resumed(
    path: Path,
    *,
    out: str | None,
    overwrite: bool,
    record: bool,
    changed: Mapping[str, object],
    shares: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Go on with a run from its checkpoint, and end it where it was to end or at `out`."""
    keep_freed_memory()
    with (
        interruptible() as caught,
        several(caught, shares) as together,
    ):
        if together is not None and not together.first:
            return
        with (
            resumed(path, out=out, overwrite=overwrite, record=record, changed=changed, together=together) as job,
            Progress(job.run.settings, shown=not (quiet or as_json)) as progress,
        ):
            progress.begin(job.run)
            _say_caveat(job.run, progress)
            if not (quiet or as_json or caught or together):
                progress.say(lambda: expected_line(job.run))
            outcome = job.make(stop=stopped(caught, job.run), on_step=progress.step, on_warning=progress.warn)
            progress.end(job.run)
    _report(outcome, quiet=quiet, as_json=as_json)


def drive_repeat(
    picture: Path,
    *,
    out: str | None,
    content: str | None,
    styles: Sequence[str],
    start: str | None,
    masks: Sequence[str],
    style_masks: Sequence[str],
    color_mask: str | None,
    changed: Mapping[str, object],
    shares: str | None,
    overwrite: bool,
    record: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a picture again from its manifest."""
    with interruptible() as caught, several(caught, shares) as together:
        if together is not None and not together.first:
            return
        run, differs = repeated(
            picture,
            content=content,
            styles=styles,
            start=start,
            masks=masks,
            style_masks=style_masks,
            color_mask=color_mask,
            changed=changed,
            together=together,
        )
        for line in differs:
            print(f"impasto: {line}", file=sys.stderr)
        suffix = ".png" if picture.suffix == ".json" else picture.suffix
        target = Target(_picture(run.inputs, out, suffix=suffix), overwrite, None, run.settings.save_every is not None, record)
        outcome = _make(
            run, caught, target, named_by_user=out is not None, every_s=CHECKPOINT_EVERY_S, shown=not (quiet or as_json)
        )
    _report(outcome, quiet=quiet, as_json=as_json)


def _report(outcome: Outcome, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        facts = {
            "finished": outcome.finished,
            "picture": None if outcome.picture is None else str(outcome.picture),
            "checkpoint": None if outcome.checkpoint is None else str(outcome.checkpoint),
            "manifest": None if outcome.result is None else outcome.result.manifest,
        }
        tell_result(to_json(facts))
    elif outcome.picture is not None:
        tell_result(outcome.picture)
    if not outcome.finished:
        if outcome.picture is None or outcome.checkpoint is None:
            print("impasto: stopped before there was a picture", file=sys.stderr)
        else:
            print(
                f"impasto: stopped; the picture so far is saved, continue with\n  {resume_command(outcome.checkpoint)}",
                file=sys.stderr,
            )
        sys.exit(INTERRUPTED)
