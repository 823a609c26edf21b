"""Small pictures, and results in other formats: made once of files and results, and then kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from impasto.errors import UnreadableImage
from impasto.jobs.store import Missing, Store, file_key, job_key
from impasto.server.library import Filed
from impasto.server.pictures import Pictures
from impasto.server.temporary import temporary_folder

SIDES: Final = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Long sides of small pictures: any other is rounded down to one of them, so that few are kept."""


class Derived:
    """Small pictures and other formats of what a store holds; their keys are made of hashes, ids, stamps and sizes only."""

    def __init__(self, store: Store, pictures: Pictures) -> None:
        self._store = store
        self._pictures = pictures

    def thumbnail(self, filed: Filed, side: int) -> bytes:
        """Return a small WebP of a file.  Raises UnreadableImage for a style file, which has no picture."""
        if filed.kind != "picture":
            raise UnreadableImage(f"{filed.name} is a style file, there is no picture of it")
        side = fitting(side)
        key = _thumbnail_key(filed.id, side)
        return self._store.read(
            self._made(key, file_key(filed.id), lambda path, out: self._pictures.shrink(path, out, side=side))
        )

    def forget(self, sha256: str) -> None:
        """Remove the small pictures of a file that was removed."""
        for side in SIDES:
            self._store.remove(_thumbnail_key(sha256, side))

    def small(self, job: str, name: str, stamp: str, side: int) -> bytes:
        """Return a small WebP of one of a job's pictures, as it is at a stamp."""
        side = fitting(side)
        key = job_key(job, f"small-{side}-{_word(stamp)}.webp")
        return self._store.read(
            self._made(key, job_key(job, name), lambda path, out: self._pictures.shrink(path, out, side=side))
        )

    def result(self, job: str, stamp: str, extension: str, quality: int) -> str:
        """Return the key of a job's result in another format.  Raises OutputError for what the format cannot hold."""
        key = job_key(job, f"result-{_word(stamp)}-{quality}{extension}")
        return self._made(
            key,
            job_key(job, "result.png"),
            lambda path, out: self._pictures.convert(path, out, extension=extension, quality=quality),
        )

    def _made(self, key: str, source: str, make: Callable[[Path, Path], None]) -> str:
        if self._store.stamp(key) is None:
            with temporary_folder(self._store) as folder, self._store.local(source) as path:
                out = folder / "made"
                make(path, out)
                self._store.send(key, out)
            # Where the source went meanwhile, who removed it could not know of this, and it would stay for ever.
            if self._store.stamp(source) is None:
                self._store.remove(key)
                raise Missing("the file was removed while a picture was made of it; send it again")
        return key


def _thumbnail_key(sha256: str, side: int) -> str:
    return f"thumbnails/{sha256[:2]}/{sha256}-{side}.webp"


def fitting(side: int) -> int:
    """Return the side, in px, of the small picture that is sent for a side asked for."""
    return max((each for each in SIDES if each <= side), default=SIDES[0])


def _word(stamp: str) -> str:
    """A stamp as a part of a name, whatever a store's stamps are made of."""
    return "".join(letter if letter.isalnum() else "-" for letter in stamp)
