"""The `impasto` command: its sub-commands, and how errors reach the user: one line, an exit code, no traceback."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, Any

import typer

from impasto import __version__
from impasto.cli import (
    batch,
    doctor,
    estimate,
    presets,
    reconstruct,
    regions,
    repeat,
    resume,
    score,
    serve,
    sheet,
    style,
    stylize,
    texture,
    weights,
    worker,
)
from impasto.cli.help_texts import keep_help
from impasto.cli.options import INTERRUPTED
from impasto.cli.streams import StandardOutputFailed, standard_streams
from impasto.errors import ImpastoError, PeerLost
from impasto.out_of_memory import is_out_of_memory
from impasto.ranks import is_first
from impasto.storage.text import shown

app = typer.Typer(
    name="impasto",
    help="A photograph painted in the style of a painting.\n\nStart with: impasto stylize photo.jpg painting.jpg",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("stylize")(stylize.stylize)
app.command("estimate")(estimate.estimate)
app.command("texture")(texture.texture)
app.command("reconstruct")(reconstruct.reconstruct)
app.command("sheet")(sheet.sheet)
app.command("regions")(regions.regions)
app.command("score")(score.score)
app.command("resume")(resume.resume)
app.command("repeat")(repeat.repeat)
app.command("batch")(batch.batch)
app.command("worker")(worker.worker)
app.command("serve")(serve.serve)
app.add_typer(style.app, name="style")
app.add_typer(presets.app, name="presets")
app.add_typer(weights.app, name="weights")
app.command("doctor")(doctor.doctor)
keep_help(app)


def _version(show: bool) -> None:
    if show:
        print(f"impasto {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A photograph painted in the style of a painting."""


def run() -> None:
    """Run the command; exit 0 when done, 1 on failure, 2 on bad input, 130 when interrupted."""
    try:
        with standard_streams():
            code = _run()
    except BrokenPipeError:
        code = 1  # the reader of our output went away (`| head`): nobody is left to tell
    except StandardOutputFailed as error:
        code = _failed(error, str(error), error.exit_code)
    sys.exit(code)


def _run() -> int:
    """Run the command and say on standard error what went wrong; return the exit code."""
    try:
        code = app(standalone_mode=False)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except ImpastoError as error:
        if not is_first() and not isinstance(error, PeerLost):
            return error.exit_code  # the first process says it
        return _failed(error, str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed(None, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        raise
    except Exception as error:  # the last line of defence
        if hasattr(error, "format_message"):
            return _usage(error)
        return _unexpected(error)
    if code == INTERRUPTED:
        return _failed(None, "interrupted", INTERRUPTED)  # the option parser swallows Ctrl-C without a word
    return code if isinstance(code, int) else 0


def _usage(error: Any) -> int:
    """Say what the option parser found wrong, in the form of all other messages.

    The error is known by its method, since typer's releases take the class from different places.
    """
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    line = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    where = "impasto" if context is None else context.command_path
    return _failed(None, f"{line[:1].lower()}{line[1:]}; see `{where} --help`", 2)


def _unexpected(error: Exception) -> int:
    if os.environ.get("IMPASTO_DEBUG"):
        traceback.print_exc()
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if is_out_of_memory(error):
        return _failed(error, f"there is not enough memory for this size ({text}); choose a smaller --size or --lbfgs-history", 1)
    if isinstance(error, OSError):
        return _failed(error, f"{error.filename or 'a file'} cannot be used: {error.strerror or text}", 2)
    if "can't start new thread" in text:
        limits = "the limit of processes (ulimit -u, --pids-limit of a container)"
        return _failed(error, f"this system lets no more threads be started; raise {limits}, or end other programs", 1)
    return _failed(
        error,
        f"something unexpected went wrong ({type(error).__name__}: {text}); "
        f"run it again with IMPASTO_DEBUG=1 for the details, and report them with what `impasto doctor` says",
        1,
    )


def _failed(error: Exception | None, message: str, code: int) -> int:
    """Say in one line what went wrong, with what the error was given on its way (where the work is kept); return the code."""
    notes = getattr(error, "__notes__", [])
    print(f"impasto: {shown('; '.join([message, *notes]))}", file=sys.stderr)
    return code
