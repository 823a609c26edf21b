"""The folder of a batch: one batch at a time is at work in it, and what that needed is cleared away when all is done."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from impasto.errors import InputError
from impasto.files import make_folder, output_error
from impasto.storage.locks import Held, held
from impasto.storage.text import shown


def own_place(folder: Path) -> Path:
    """Return where queue, checkpoints and copies of inputs lie."""
    return folder / ".impasto"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder: it is ours inside the context.

    Raises:
        InputError: Another batch is at work in it.
        OutputError: It cannot be written to.
    """
    own = own_place(folder)
    make_folder(own)
    with contextlib.ExitStack() as lock:
        lock.callback(_remove_if_empty, own)  # last, when the lock's file is gone
        try:
            lock.enter_context(held(own / "lock"))
        except Held:
            raise InputError(
                f"another batch is at work in {shown(folder)}; wait for it, or choose another folder with -o"
            ) from None
        except OSError as error:
            raise output_error(own, error) from None
        yield


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def clear(folder: Path) -> None:
    """Remove copies of inputs, and the queue of what is done; what cannot be removed takes room only."""
    with contextlib.suppress(OSError):
        for path in own_place(folder).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != "lock":
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
