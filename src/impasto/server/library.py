"""Files that clients sent, by the hash of their bytes, and what is known of them: looked at once, when they come."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import unicodedata
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from impasto.errors import InvalidSettings
from impasto.jobs.store import Missing, Store, file_key
from impasto.server.limits import Limits
from impasto.server.pictures import Kind, Pictures

_ID: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class Filed:
    """A file: its id, what it was called, and what it is; width and height in px."""

    id: str
    name: str
    kind: Kind
    media: str
    bytes: int
    width: int
    height: int


class Library:
    """The files of a data location."""

    def __init__(self, store: Store, pictures: Pictures, limits: Limits) -> None:
        self._store = store
        self._pictures = pictures
        self._limits = limits
        self._known: dict[str, Filed] = {}
        self._writing = threading.Lock()

    def add(self, path: Path, name: str) -> Filed:
        """Takes a local file over.  Raises UnreadableImage or ImageTooLarge, and then nothing is kept."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if self._store.use(file_key(sha256)):
            filed = replace(self.get(sha256), name=shown_name(name))
        else:
            filed = self._inspected(sha256, path, shown_name(name))
            self._store.send(file_key(sha256), path)
        self._keep(filed)
        return filed

    def get(self, sha256: str) -> Filed:
        """What is known of a file.  Raises Missing."""
        if _ID.fullmatch(sha256) is None:
            raise Missing("there is no such file here; a file's id is of 64 hexadecimal digits")
        known = self._known.get(sha256)
        if known is not None:
            return known
        if self._store.stamp(file_key(sha256)) is None:
            raise Missing(f"there is no file {sha256[:12]}… here; send it first")
        try:
            filed = Filed(**json.loads(self._store.read(_facts_key(sha256))))
        except (Missing, ValueError, TypeError):
            # A worker's picture that became an input, or a file put there by hand.
            with self._store.local(file_key(sha256)) as path:
                filed = self._inspected(sha256, path, "picture")
            self._keep(filed)
        self._known[sha256] = filed
        return filed

    def use(self, sha256: str) -> Filed:
        """What is known of a file, which counts as used now.  Raises Missing."""
        if _ID.fullmatch(sha256) is not None and not self._store.use(file_key(sha256)):
            raise Missing(f"there is no file {sha256[:12]}… here; send it first")
        return self.get(sha256)

    def keep(self, data: bytes, filed: Filed) -> None:
        """Puts a file of our own there, of which everything is known."""
        if not self._store.use(file_key(filed.id)):
            self._store.write(file_key(filed.id), data)
            self._keep(filed)

    def forget(self, sha256: str) -> None:
        """After a file was removed: what is known of it, unless it was sent again meanwhile."""
        with self._writing:
            if self._store.stamp(file_key(sha256)) is None:
                self._known.pop(sha256, None)
                self._store.remove(_facts_key(sha256))

    def _inspected(self, sha256: str, path: Path, name: str) -> Filed:
        found = self._pictures.inspect(path, name=name, max_pixels=self._limits.upload_pixels)
        return Filed(sha256, name, bytes=path.stat().st_size, **found)

    def _keep(self, filed: Filed) -> None:
        with self._writing:
            self._store.write(_facts_key(filed.id), json.dumps(asdict(filed)).encode())
            self._known[filed.id] = filed


def _facts_key(sha256: str) -> str:
    return f"facts/{sha256[:2]}/{sha256}"


def shown_name(given: str) -> str:
    """A file's name without folders, extension and what cannot be shown; it is shown, and never a name on a disk."""
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    plain = "".join(" " if unicodedata.category(letter)[0] in {"C", "Z"} else letter for letter in stem)
    return " ".join(plain.split())[:_LONGEST_NAME].strip(" .") or "picture"


def require_kind(filed: Filed, *, role: str, picture: bool) -> None:
    """Raises InvalidSettings for a style file where a picture is needed."""
    if picture and filed.kind != "picture":
        raise InvalidSettings(f"{role}: {filed.name} is a style file, and a picture is needed there", setting=role)
