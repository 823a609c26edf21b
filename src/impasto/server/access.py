"""Who may ask: tokens, the sessions that browsers get for them, and which hosts and origins count as this server's own."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from impasto.errors import InputError

LEAST_TOKEN: Final = 16
"""Characters of a token: fewer can be guessed."""

COOKIE: Final = "impasto_session"
SESSION_S: Final = 12 * 3600.0
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether an address to bind to can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """Decides about each request.  Without tokens everybody on this machine is one and the same owner, ''."""

    def __init__(self, tokens: Sequence[str] = (), *, loopback: bool = True, origins: Sequence[str] = ()) -> None:
        """`origins`: under which this server is seen through a proxy.

        Raises InputError for an address that others reach without a token, and for a token that can be guessed.
        """
        if (not loopback or origins) and not tokens:
            raise InputError("others can reach this address, so a token is needed: set IMPASTO_TOKEN, or bind to 127.0.0.1")
        if any(len(token) < LEAST_TOKEN for token in tokens):
            raise InputError(f"a token has at least {LEAST_TOKEN} characters; make one with: openssl rand -hex 24")
        if any(not (token.isascii() and token.isprintable()) or " " in token for token in tokens):
            raise InputError("a token is of printable ASCII characters without spaces, since it travels in a header")
        self._owners = {_hashed(token): _owner(token) for token in tokens}
        self._loopback = loopback
        self._origins = {origin.rstrip("/").lower() for origin in origins}
        self._origin_hosts = {urlsplit(origin).hostname or "" for origin in self._origins}
        # Of the tokens alone, so that a browser's session outlives a restart of the server.
        self._key = _hashed("impasto session " + "\n".join(sorted(tokens)))

    @property
    def token_needed(self) -> bool:
        """Whether requests need a token or a session."""
        return bool(self._owners)

    @property
    def several(self) -> bool:
        """Whether there are several owners, each of whom sees only what is theirs."""
        return len(self._owners) > 1

    def owner(self, authorization: str | None, session: str | None) -> str | None:
        """Whose request it is; None is nobody's."""
        if not self._owners:
            return ""
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            return self._of_token(token.strip()) if scheme.lower() == "bearer" else None
        return None if session is None else self._of_session(session)

    def open_session(self, owner: str) -> str:
        """A new session, for a cookie: whose it is, until when, and a signature of both."""
        said = f"{owner}.{int(time.time() + SESSION_S)}"
        return f"{said}.{self._signature(said)}"

    def _signature(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def is_own_host(self, host: str | None) -> bool:
        """Return whether a Host header names this server, so that no other name was bent to this machine's address.

        A request without one (HTTP/1.0, as monitors send) comes from no browser, and only those can be led here by a name.
        """
        if host is None or not self._loopback:
            return True
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and (name in _LOOPBACK_NAMES or is_loopback(name) or name in self._origin_hosts)

    def is_own_origin(self, origin: str | None, fetch_site: str | None, host: str | None) -> bool:
        """Whether a request comes from this server's own page, or from no page at all."""
        if fetch_site is not None and fetch_site != "none":
            return fetch_site == "same-origin"  # browsers say so themselves, even where they keep the origin back
        if origin is None:
            return True
        given = origin.lower()
        return given in self._origins or given.partition("://")[2] == (host or "").lower() != ""

    def _of_token(self, token: str) -> str | None:
        """Compares with every token, each in constant time, so that time tells nothing."""
        given, found = _hashed(token), None
        for known, owner in self._owners.items():
            if hmac.compare_digest(known, given):
                found = owner
        return found

    def _of_session(self, session: str) -> str | None:
        said, _, signature = session.rpartition(".")
        owner, _, until = said.partition(".")
        if not hmac.compare_digest(self._signature(said), signature) or not until.isdigit():
            return None
        return owner if time.time() < int(until) and owner in self._owners.values() else None


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _owner(token: str) -> str:
    """What jobs keep of whose they are: of it the token cannot be found out."""
    return hashlib.sha256(f"impasto owner {token}".encode()).hexdigest()[:16]
