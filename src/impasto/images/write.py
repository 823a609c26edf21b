"""Picture → file, whole or not at all, and never over another one unless told to."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from torch import Tensor

from impasto.errors import OutputError
from impasto.files import check_place, expanded, put_by
from impasto.images.encode import FORMATS, check_format, encode, save, to_pil

__all__ = ["FORMATS", "check_target", "encode", "to_pil", "write"]


def check_target(
    path: str | os.PathLike[str], *, overwrite: bool = False, bits: int = 8, size: tuple[int, int] | None = None
) -> None:
    """Check a place before the work that ends in it, and make missing folders.  `size`: (height, width), if known.

    Raises OutputError: unknown extension, a depth or size the format has not, a folder in place of a file,
    a file that exists, a folder that cannot be made or written to.
    """
    target = expanded(path)
    _check_name(target, bits=bits, size=size)
    if not overwrite and os.path.lexists(target) and not target.is_dir():
        raise OutputError(f"{target} exists; choose another name with -o, or replace it with --overwrite", path=target)
    check_place(target)


def _check_name(path: Path, *, bits: int, size: tuple[int, int] | None) -> None:
    if "\0" in str(path):
        raise OutputError(f"{str(path)!r} holds a zero character, which no file name can; remove it", path=path)
    if path.suffix.lower() not in FORMATS:
        near = difflib.get_close_matches(path.suffix.lower(), FORMATS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"end it in one of {', '.join(FORMATS)}"
        said = f"the extension {path.suffix} is unknown" if path.suffix != "" else "the name has no extension"
        raise OutputError(f"{path} cannot be written: {said}; {hint}", path=path)
    check_format(path.suffix, bits=bits, size=size)


def write(
    path: str | os.PathLike[str],
    rgb: Tensor,
    *,
    alpha: Tensor | None = None,
    bits: int = 8,
    quality: int = 95,
    dpi: tuple[float, float] | None = None,
    manifest: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a picture in the format of the extension, and return the path.

    `rgb`: [3, H, W] or [1, 3, H, W], sRGB-encoded, 0..1.  Without `overwrite` an existing file is never
    replaced, not even one that appears meanwhile.  The other arguments are those of `encode`.
    Raises OutputError; nothing is left behind then.
    """
    target = expanded(path)
    check_target(target, overwrite=overwrite, bits=bits)

    def save_to(temporary: Path) -> None:
        with temporary.open("wb") as file:
            save(file, rgb, target.suffix, alpha=alpha, bits=bits, quality=quality, dpi=dpi, manifest=manifest)

    put_by(target, save_to, existing="replace" if overwrite else "keep")
    return target
