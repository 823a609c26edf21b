"""Fetches torchvision's networks: resumed, retried, checked against their sha256, then imported into the data
folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from impasto import files
from impasto.errors import DownloadError, UnknownName
from impasto.vgg.download import Failed, Pace, receive
from impasto.vgg.weights import file_sha256, import_file, place_to_keep


@dataclass(frozen=True)
class Remote:
    """A file elsewhere: where, its sha256, its size in bytes, and its convention."""

    url: str
    sha256: str
    size: int
    convention: str


FETCHABLE = {
    "vgg19-torchvision": Remote(
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        574_673_361,
        "torchvision",
    ),
    "vgg16-torchvision": Remote(
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        553_433_881,
        "torchvision",
    ),
}


def fetch(name: str, *, progress: Callable[[int, int | None], None] | None = None, pace: Pace | None = None) -> Path:
    """Fetch a network of `FETCHABLE` and import it; return the imported file, at once when it is there
    already.

    `progress(received, total)`: bytes so far and altogether.  What was received is kept, and the next call
    goes on from there. Raises UnknownName, DownloadError with what can be done, or OutputError when the data
    folder cannot be written.
    """
    from filelock import FileLock, Timeout

    if name not in FETCHABLE:
        raise UnknownName("network to fetch", name, FETCHABLE)
    remote = FETCHABLE[name]
    folder = place_to_keep()
    files.make_folder(folder)
    try:
        with FileLock(folder / f".{name}.lock", timeout=0):
            target = folder / f"{name}.safetensors"
            if not target.exists():
                raw = _raw(name, remote, folder, progress=progress, pace=pace if pace is not None else Pace())
                target = import_file(raw, name=name, convention=remote.convention)
                _remove(raw)
            return target
    except Timeout:
        raise DownloadError(f"{name} is being fetched by another impasto; wait until it is done", name=name) from None
    except PermissionError as error:
        raise files.output_error(folder, error) from None


def _raw(name: str, remote: Remote, folder: Path, *, progress: Callable[[int, int | None], None] | None, pace: Pace) -> Path:
    """The original file, received whole and with the right sha256."""
    raw = folder / remote.url.rpartition("/")[2]
    if raw.exists() and file_sha256(raw) == remote.sha256:
        return raw
    part = raw.with_name(raw.name + ".part")
    try:
        receive(remote.url, part, size=remote.size, progress=progress, pace=pace)
    except Failed as error:
        raise _download_error(name, remote, str(error)) from None
    found = file_sha256(part)
    if found != remote.sha256:
        _remove(part)
        raise _download_error(
            name,
            remote,
            f"what came is not the right file (sha256 {found}, expected {remote.sha256}) and was deleted",
        )
    part.replace(raw)
    return raw


def _download_error(name: str, remote: Remote, what: str) -> DownloadError:
    return DownloadError(
        f"{name} could not be fetched: {what}; try again, which goes on from what was received, "
        f"or fetch {remote.url} by hand and run `impasto weights import FILE --name {name}`, "
        f"or use the embedded vgg19",
        name=name,
        url=remote.url,
    )


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
