"""How a run looks in a terminal: preparing it, its progress, its end; the same for new, resumed and repeated runs."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

from impasto import manifest, presets
from impasto.cli.progress import Progress
from impasto.errors import CheckpointError
from impasto.run import Run, losses_file, prepare
from impasto.run.forecast import original_line
from impasto.run.inputs import gather
from impasto.run.to_file import CHECKPOINT_EVERY_S, Outcome, Target, ToFile, check_apart, claim, default_picture, resumed
from impasto.settings import Settings

INTERRUPTED = 130


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM; a second one ends the process at once."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        caught.append(number)
        signal.signal(number, signal.SIG_DFL)
        print("\nstopping after this step, then saving; again to stop at once", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def drive_new(
    content: str,
    styles: Sequence[str],
    settings: Settings,
    *,
    out: Path | None,
    overwrite: bool,
    losses: Path | None,
    checkpoint_every_s: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """A run from its first step."""
    if losses is not None:
        losses = losses.expanduser()
        losses_file.check(losses)
    with interruptible() as caught:
        inputs = gather(content, styles, settings)
        every_s = CHECKPOINT_EVERY_S if checkpoint_every_s is None else checkpoint_every_s
        outcome = _make(
            prepare(settings, inputs),
            caught,
            out=out,
            overwrite=overwrite,
            losses=losses,
            every_s=every_s,
            shown=not (quiet or as_json),
        )
    _report(outcome, quiet=quiet, as_json=as_json)


def _make(
    run: Run, caught: list[int], *, out: Path | None, overwrite: bool, losses: Path | None, every_s: float, shown: bool
) -> Outcome:
    target = Target(out.expanduser() if out is not None else default_picture(run.inputs), overwrite, losses)
    check_apart(target, run.inputs)
    with (
        claim(target, named_by_user=out is not None, bits=run.settings.bits) as claimed,
        Progress(run.settings, shown=shown) as progress,
    ):
        progress.begin(run)
        if shown and run.settings.size != "original" and not caught:
            progress.say(original_line(run))
        return ToFile(run, claimed, checkpoint_every_s=every_s).make(stop=lambda: bool(caught), on_step=progress.step)


def drive_resumed(path: Path, *, quiet: bool, as_json: bool) -> None:
    """A run from its checkpoint."""
    with (
        interruptible() as caught,
        resumed(path) as job,
        Progress(job.run.settings, shown=not (quiet or as_json)) as progress,
    ):
        progress.begin(job.run)
        outcome = job.make(stop=lambda: bool(caught), on_step=progress.step)
    _report(outcome, quiet=quiet, as_json=as_json)


def drive_repeat(
    picture: Path,
    *,
    out: Path | None,
    content: str | None,
    styles: Sequence[str],
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """A run from a finished picture's manifest."""
    facts = manifest.load(picture)
    settings = presets.resolve(manifest.settings_of(facts))
    with interruptible() as caught:
        content = content or _find(facts["content"], picture, "--content")
        styles = styles or [_find(style, picture, "--style") for style in facts["styles"]]
        inputs = gather(content, styles, settings)
        run = prepare(settings, inputs)
        manifest.check_same(facts, list(inputs.roles().values()), run.vgg.weights.sha256)
        for name, was, now in manifest.other_versions(facts):
            print(f"impasto: made with {name} {was}, this is {now}: the picture may differ in details", file=sys.stderr)
        outcome = _make(
            run, caught, out=out, overwrite=overwrite, losses=None, every_s=CHECKPOINT_EVERY_S, shown=not (quiet or as_json)
        )
    _report(outcome, quiet=quiet, as_json=as_json)


def _find(described: dict[str, str], picture: Path, option: str) -> str:
    """The input as it was given, from here or from the picture's folder."""
    given = described["path"]
    if given is not None:
        for candidate in (
            Path(given).expanduser(),
            picture.parent / given,
            picture.parent / Path(given).name,
        ):
            if candidate.is_file():
                return str(candidate)
    raise CheckpointError(f"{given or described['name']} is not there any more; say where it is with {option}")


def _report(outcome: Outcome, *, quiet: bool, as_json: bool) -> None:
    for warning in outcome.warnings:
        print(f"impasto: {warning}", file=sys.stderr)
    if as_json:
        facts = {
            "finished": outcome.finished,
            "picture": None if outcome.picture is None else str(outcome.picture),
            "checkpoint": None if outcome.checkpoint is None else str(outcome.checkpoint),
            "manifest": None if outcome.result is None else outcome.result.manifest,
        }
        print(json.dumps(facts, ensure_ascii=False))
    elif outcome.picture is not None:
        print(outcome.picture)
    if not outcome.finished:
        if outcome.picture is None:
            print("impasto: stopped before there was a picture", file=sys.stderr)
        else:
            print(
                f"impasto: stopped; the picture so far is saved, continue with\n  impasto resume {outcome.checkpoint}",
                file=sys.stderr,
            )
        raise typer.Exit(INTERRUPTED)
