"""Weights by name or path: the embedded VGG-19, imported networks in the data folder, or a file in any known
form.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from impasto import files
from impasto.errors import OutputError, UnknownName, WeightsError
from impasto.files import expanded
from impasto.storage.user_folders import data_folder
from impasto.vgg import formats
from impasto.vgg.embedded import EMBEDDED, embedded_file
from impasto.vgg.formats.safetensors import canonical_bytes
from impasto.vgg.parameters import CONVENTIONS, Convention, Weights
from impasto.vgg.recognize import convention_named, convention_of
from impasto.vgg.verify import Check, checks

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Weights",
    "data_dir",
    "import_file",
    "load",
    "names",
    "place_to_keep",
    "save_canonical",
    "verify",
]

_SUFFIX = ".safetensors"


def data_dir() -> Path | None:
    """Return the folder of imported networks, `weights` in the user's data folder; None where there is none.

    It need not exist.
    """
    base = data_folder()
    return None if base is None else base / "weights"


def place_to_keep() -> Path:
    """Return the folder that networks are imported to; it need not exist.

    Raises:
        OutputError: This user has no home.
    """
    folder = data_dir()
    if folder is None:
        raise OutputError("this user has no home folder to keep networks in; set IMPASTO_DATA to a folder for them")
    return folder


def names() -> list[str]:
    """Return the networks that `load` knows by name: embedded ones first, then imported ones."""
    return [*EMBEDDED, *(name for name in sorted(_imported()) if name not in EMBEDDED)]


def _imported() -> dict[str, Path]:
    """Return imported networks by name; none from a folder that cannot be read."""
    folder = data_dir()
    if folder is None:
        return {}
    try:
        return {path.name.removesuffix(_SUFFIX): path for path in folder.glob(f"*{_SUFFIX}")}
    except OSError:
        return {}


def load(name: str | os.PathLike[str] = "vgg19", *, convention: str | None = None) -> Weights:
    """Return the weights of that name, or of a file in any known form; a name wins over a file of the same name.

    `convention`: "caffe", "matconvnet" or "torchvision", over what the file tells.  Raises UnknownName, or
    WeightsError when the file is not what it should be.
    """
    with _place(name) as path:
        contents = formats.read(path)
        sha256 = file_sha256(path)
        if convention is not None:
            found = convention_named(convention)
        elif contents.convention is not None:
            found = contents.convention
        else:
            found = convention_of(path, contents, sha256=sha256)
    return Weights(contents.architecture, found, contents.tensors, sha256, contents.source, contents.notes)


def _place(name: str | os.PathLike[str]) -> AbstractContextManager[Path]:
    if isinstance(name, str) and name in EMBEDDED:
        return embedded_file(name)
    return nullcontext(_path(name))


def _path(name: str | os.PathLike[str]) -> Path:
    """Return the file behind an imported name or a path; a word that is neither raises UnknownName with the nearest names."""
    path = expanded(name)
    imported = _imported()
    if isinstance(name, str) and name in imported:
        return imported[name]
    if isinstance(name, str) and path.suffix == "" and len(path.parts) <= 1 and not path.exists():
        raise UnknownName("network", name, names())
    return path


def save_canonical(weights: Weights, path: Path) -> None:
    """Write the weights in impasto's own form, float32, whole or not at all; raises OutputError."""
    files.put(path, canonical_bytes(weights), existing="replace")


def import_file(path: str | os.PathLike[str], *, name: str | None = None, convention: str | None = None) -> Path:
    """Verify a weights file and keep it in the data folder, where `load(name)` finds it; return the new file.

    `name` defaults to the file's.  Raises WeightsError when the file is unusable or the name is taken,
    UnknownName for a convention that does not exist, OutputError when the data folder cannot be written or there is none.
    """
    source = Path(path)
    kept = name if name is not None else re.sub(r"[^A-Za-z0-9_-]+", "-", source.stem).strip("-")
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", kept) is None:
        raise WeightsError(
            f"{kept!r} cannot name a network; give one of letters, digits, '.', '_' and '-' with --name",
            name=kept,
        )
    target = place_to_keep() / f"{kept}{_SUFFIX}"
    if kept in names():
        where = "comes with impasto" if kept in EMBEDDED else f"is already imported ({target})"
        raise WeightsError(f"the network {kept} {where}; choose another name with --name", name=kept)
    weights = load(source, convention=convention)
    verify(weights)
    notes = {"source_sha256": weights.sha256, **weights.notes}
    files.make_folder(target.parent)
    save_canonical(replace(weights, notes=notes), target)
    return target


def verify(weights: Weights) -> tuple[Check, ...]:
    """Run all checks of `impasto.vgg.verify`; raises WeightsError, with the checks as data, when one fails."""
    done = checks(weights)
    failed = [check for check in done if not check.passed]
    if failed:
        first = failed[0]
        more = f" (and {len(failed) - 1} more checks fail)" if len(failed) > 1 else ""
        raise WeightsError(
            f"the weights from {weights.source} are wrong: {first.name}: {first.detail}{more}; "
            f"get the file again, or give the right --convention",
            checks=done,
        )
    return done


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
