"""The `impasto` command: its sub-commands, and how errors reach the user: one line, an exit code, no traceback."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, Any, NoReturn

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
from impasto.cli.options import INTERRUPTED
from impasto.errors import ImpastoError, PeerLost
from impasto.ranks import is_first

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
    """Runs the command; exits 0 when done, 1 on failure, 2 on bad input, 130 when interrupted."""
    try:
        code = app(standalone_mode=False)
    except ImpastoError as error:
        if not is_first() and not isinstance(error, PeerLost):
            sys.exit(error.exit_code)  # the first process says it
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # the last line of defence
        if hasattr(error, "format_message"):
            _usage(error)
        _unexpected(error)
    if code == INTERRUPTED:
        _fail("interrupted", INTERRUPTED)  # the option parser swallows Ctrl-C without a word
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: Any) -> NoReturn:
    """What the option parser says, in the form of all other messages.

    Known by its method, since typer's releases take the class from different places.
    """
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(2)
    line = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    where = "impasto" if context is None else context.command_path
    _fail(f"{line[:1].lower()}{line[1:]}; see `{where} --help`", 2)


def _unexpected(error: Exception) -> NoReturn:
    if os.environ.get("IMPASTO_DEBUG"):
        traceback.print_exc()
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "alloc" in text.lower():
        _fail(
            f"there is not enough memory for this size ({text}); choose a smaller --size or --lbfgs-history",
            1,
        )
    if isinstance(error, OSError):
        _fail(f"{error.filename or 'a file'} cannot be used: {error.strerror or text}", 2)
    _fail(
        f"something unexpected went wrong ({type(error).__name__}: {text}); "
        f"run it again with IMPASTO_DEBUG=1 for the details, and report them with what `impasto doctor` says",
        1,
    )


def _fail(message: str, code: int) -> NoReturn:
    print(f"impasto: {message}", file=sys.stderr)
    sys.exit(code)
