"""Files that clients sent, by the hash of their bytes: what they are, looked at once, and what each owner calls them."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from impasto.errors import InvalidSettings
from impasto.jobs.store import Folder, Missing, Store, file_key
from impasto.server.limits import Limits
from impasto.server.pictures import Kind, Pictures

_ID: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME: Final = 100
_EVERYBODY: Final = "everybody"
UNNAMED: Final = "picture"
"""The name of a file for an owner who gave it none."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts of a file, whoever sent it: its id, and for pictures width and height in px."""

    id: str
    kind: Kind
    media: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Filed(Facts):
    """A file, and what its owner calls it."""

    name: str


class Library:
    """The files of a data location.

    The same bytes are kept once, whoever sends them.  What a file is called belongs to who called it so: each owner sees the name
    that they gave, and nobody sees another's.  Names of our own samples are everybody's.
    """

    def __init__(self, store: Store, pictures: Pictures, limits: Limits) -> None:
        self._store = store
        self._pictures = pictures
        self._limits = limits
        self._known: dict[str, Facts] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._writing = threading.Lock()

    @property
    def folder(self) -> str | None:
        """The folder with the files, which clients are never told; None where they are no folder of this machine."""
        return self._store.url if isinstance(self._store, Folder) else None

    def add(self, path: Path, name: str, owner: str) -> Filed:
        """Take a local file over, under the owner's name for it.

        Raises UnreadableImage or ImageTooLarge, and then nothing is kept.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if self._store.use(file_key(sha256)):
            facts = self.facts(sha256)
        else:
            facts = self._inspected(sha256, path, shown_name(name))
            self._store.send(file_key(sha256), path)
            self._keep(facts)
        self._call(sha256, owner, shown_name(name))
        return Filed(**asdict(facts), name=shown_name(name))

    def facts(self, sha256: str) -> Facts:
        """Return what a file is.  Raises Missing."""
        if _ID.fullmatch(sha256) is None:
            raise Missing("there is no such file here; a file's id is of 64 hexadecimal digits")
        known = self._known.get(sha256)
        if known is not None:
            return known
        if self._store.stamp(file_key(sha256)) is None:
            raise Missing(f"there is no file {sha256[:12]}… here; send it first")
        try:
            facts = self._read(sha256)
        except (Missing, ValueError, TypeError):
            # A worker's picture that became an input, or a file put there by hand.
            with self._store.local(file_key(sha256)) as path:
                facts = self._inspected(sha256, path, UNNAMED)
            self._keep(facts)
        self._known[sha256] = facts
        return facts

    def get(self, sha256: str, owner: str) -> Filed:
        """Return what a file is, and what its owner calls it.  Raises Missing."""
        return Filed(**asdict(self.facts(sha256)), name=self._name(sha256, owner))

    def use(self, sha256: str, owner: str) -> Filed:
        """Return what a file is; it counts as used now.  Raises Missing."""
        if _ID.fullmatch(sha256) is not None and not self._store.use(file_key(sha256)):
            raise Missing(f"there is no file {sha256[:12]}… here; send it first")
        return self.get(sha256, owner)

    def keep(self, data: bytes, filed: Filed) -> None:
        """Put a file of our own there, of which everything is known; its name is everybody's."""
        if not self._store.use(file_key(filed.id)):
            self._store.write(file_key(filed.id), data)
            facts = {name: value for name, value in asdict(filed).items() if name != "name"}
            self._keep(Facts(**facts))
        self._call(filed.id, _EVERYBODY, filed.name)

    def forget(self, sha256: str) -> None:
        """Forget a file that was removed, unless it was sent again meanwhile."""
        with self._writing:
            if self._store.stamp(file_key(sha256)) is None:
                self._known.pop(sha256, None)
                self._names.pop(sha256, None)
                self._store.remove(_facts_key(sha256))
                self._store.remove(_names_key(sha256))

    def _inspected(self, sha256: str, path: Path, name: str) -> Facts:
        found = self._pictures.inspect(path, name=name, max_pixels=self._limits.upload_pixels)
        return Facts(id=sha256, bytes=path.stat().st_size, **found)

    def _read(self, sha256: str) -> Facts:
        """Return the facts that were kept.  Raises Missing, ValueError or TypeError."""
        kept = dict(json.loads(self._store.read(_facts_key(sha256))))
        # Before names had owners they stood here; whose they were is not known, so that they are nobody's but a sole user's.
        name = kept.pop("name", None)
        facts = Facts(**kept)
        if name is not None:
            self._call(sha256, "", str(name))
            self._keep(facts)
        return facts

    def _keep(self, facts: Facts) -> None:
        with self._writing:
            # Where the file was swept meanwhile, nobody would ever sweep this.
            if self._store.stamp(file_key(facts.id)) is not None:
                self._store.write(_facts_key(facts.id), json.dumps(asdict(facts)).encode())
                self._known[facts.id] = facts

    def _call(self, sha256: str, owner: str, name: str) -> None:
        with self._writing:
            known = self._names.setdefault(sha256, {})
            if known.get(owner) != name and self._store.stamp(file_key(sha256)) is not None:
                self._store.write(_names_key(sha256, owner), name.encode())
                known[owner] = name

    def _name(self, sha256: str, owner: str) -> str:
        known = self._names.setdefault(sha256, {})
        for whose in (owner, _EVERYBODY):
            if whose not in known:
                try:
                    known[whose] = self._store.read(_names_key(sha256, whose)).decode("utf-8", "replace")
                except Missing:
                    continue
            return known[whose]
        return UNNAMED


def _facts_key(sha256: str) -> str:
    return f"facts/{sha256[:2]}/{sha256}"


def _names_key(sha256: str, owner: str | None = None) -> str:
    """Return where an owner's name of a file is, or the folder of all of them; without tokens the owner is the empty text."""
    folder = f"names/{sha256[:2]}/{sha256}"
    return folder if owner is None else f"{folder}/{owner if owner != '' else 'nobody'}"


def shown_name(given: str) -> str:
    """Return a file's name without folders, extension and what cannot be shown; it is shown, and never a name on a disk."""
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    plain = "".join(" " if unicodedata.category(letter)[0] in {"C", "Z"} else letter for letter in stem)
    return " ".join(plain.split())[:_LONGEST_NAME].strip(" .") or UNNAMED


def require_kind(filed: Filed, *, role: str, picture: bool) -> None:
    """Raise InvalidSettings for a style file where a picture is needed."""
    if picture and filed.kind != "picture":
        raise InvalidSettings(f"{role}: {filed.name} is a style file, and a picture is needed there", setting=role)
