"""Where a run writes: the names that follow from one name, and how a run makes them its own.

Of `output/cat_monet.png` follow `cat_monet.png.json` (manifest), `cat_monet-0100.png` (intermediate), `cat_monet.checkpoint`
(while unfinished) and `.cat_monet.lock` (while running).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from impasto.errors import OutputError
from impasto.files import check_place, expanded, output_error, sweep
from impasto.images import check_target
from impasto.manifest import sidecar
from impasto.run.inputs import Inputs
from impasto.storage.locks import Held, held
from impasto.storage.text import shell_word, shown

FOLDER: Final = Path("output")
_LONGEST_STEM_BYTES: Final = 120


@dataclass(frozen=True)
class Target:
    """The files that a run writes.

    `intermediates`: whether intermediate pictures are among them; `record`: whether the picture's manifest is.
    """

    picture: Path
    overwrite: bool = False
    losses: Path | None = None
    intermediates: bool = False
    record: bool = True

    @property
    def checkpoint(self) -> Path:
        """The checkpoint while the run is unfinished."""
        return self.picture.with_suffix(".checkpoint")

    @property
    def own(self) -> tuple[Path, Path, Path]:
        """Picture, manifest and checkpoint: the files that only the holder of the lock writes."""
        return self.picture, sidecar(self.picture), self.checkpoint

    def intermediate(self, step: int) -> Path:
        """Return the path of the intermediate picture of a step."""
        return self.picture.with_name(f"{self.picture.stem}-{step:04d}{self.picture.suffix}")

    def is_intermediate(self, path: Path) -> bool:
        """Return whether a path is the intermediate picture of some step."""
        pattern = re.escape(self.picture.stem) + r"-\d{4,}" + re.escape(self.picture.suffix)
        return self.intermediates and path.parent == self.picture.parent and re.fullmatch(pattern, path.name) is not None

    def taken(self) -> Path | None:
        """Return a file that stands where this run would write, or None."""
        for path in self.own:
            if os.path.lexists(path):
                return path
        beside = self.picture.parent.iterdir() if self.picture.parent.is_dir() else iter(())
        return next((path for path in beside if self.is_intermediate(path)), None)

    def numbered(self, number: int) -> Target:
        """Return the same target under a number: cat-2.png, cat-3.png, …"""
        return replace(self, picture=self.picture.with_stem(f"{self.picture.stem}-{number}"))


def default_picture(inputs: Inputs, *, stem: str | None = None, suffix: str = ".png", folder: Path = FOLDER) -> Path:
    """Return output/CONTENT_STYLE.png, or output/CONTENT_stem.png; long names are cut."""
    names = [picture.name for picture in inputs.styles] if stem is None else [stem]
    whole = "_".join([inputs.content.name, *names])
    while len(os.fsencode(whole)) > _LONGEST_STEM_BYTES:
        whole = whole[:-1]
    whole = whole.strip()
    return folder / f"{whole if whole != '' else 'picture'}{suffix}"


def check_apart(target: Target, inputs: Inputs) -> None:
    """Raise OutputError when a file of this run would replace an input, or another of its own, whatever may be overwritten."""
    sources = {expanded(path).resolve() for path in inputs.paths.values() if path is not None}
    whole = replace(target, picture=target.picture.parent.resolve() / target.picture.name)
    written = [*whole.own, *([] if target.losses is None else [target.losses.resolve()])]
    for path in (*written, *(source for source in sources if whole.is_intermediate(source))):
        if path.resolve() in sources:
            raise OutputError(f"{path} is an input of this run; choose another name with -o, so that it is not lost", path=path)
    if target.losses is not None and target.losses.resolve() in whole.own:
        raise OutputError(
            f"the losses would be written over {target.losses}, which the picture needs; choose another name for them"
        )


@contextlib.contextmanager
def claim(target: Target, *, named_by_user: bool, bits: int, size: tuple[int, int] | None = None) -> Iterator[Target]:
    """Yield the target, ours alone inside the context: as named by the user, or made unique.

    Args:
        target: Where the run is to write.
        named_by_user: Whether the name must not be changed.
        bits: The depth of the picture to come, which not every format has.
        size: Its (height, width) in px, which not every format holds.

    Raises:
        OutputError: It cannot be written there, or a file of that name exists; before any work.
    """
    check_losses(target)
    first, number = target, 1
    while True:
        check_target(target.picture, overwrite=True, bits=bits, size=size)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(target.picture))
            except Busy:
                if named_by_user:
                    raise
            else:
                sweep(target.picture.parent, target.own)
                taken = None if target.overwrite else target.taken()
                if taken is None:
                    yield target
                    return
                if named_by_user:
                    raise _exists(taken)
        number += 1
        target = first.numbered(number)


def check_losses(target: Target) -> None:
    """Raise OutputError when the losses cannot be written where they should be."""
    if target.losses is None:
        return
    if not target.overwrite and os.path.lexists(target.losses):
        raise _exists(target.losses)
    check_place(target.losses)


class Busy(OutputError):
    """Another run is writing there now."""


@contextlib.contextmanager
def locked(picture: Path) -> Iterator[None]:
    """Hold the lock of a picture's name (or of its checkpoint's, which is the same) inside the context.

    Raises:
        Busy: Another run holds it.
        OutputError: The folder cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(picture.with_name(f".{picture.stem}.lock")))
        except Held:
            advice = "wait for it" if picture.suffix == ".checkpoint" else "wait for it, or choose another name with -o"
            raise Busy(f"another run is writing {shown(picture)} now; {advice}", path=picture) from None
        except OSError as error:
            raise output_error(picture, error) from None
        yield


def resume_command(checkpoint: Path) -> str:
    """Return the command that goes on with a checkpoint, as a shell takes it."""
    return f"impasto resume {shell_word(checkpoint)}"


def _exists(taken: Path) -> OutputError:
    name = shown(taken)
    if taken.suffix == ".checkpoint":
        return OutputError(
            f"{name} holds an interrupted run of that name; continue it with `{resume_command(taken)}`, "
            f"choose another name with -o, or start anew with --overwrite",
            path=taken,
        )
    return OutputError(f"{name} exists; choose another name, or replace it with --overwrite", path=taken)
