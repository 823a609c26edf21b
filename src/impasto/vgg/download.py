"""One file by HTTP, in as many goes as it takes: each goes on (`Range`) where the one before broke off."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto import files

_CHUNK_BYTES = 1 << 18
_PASSING = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Pace:
    """How long to insist: goes in a row that bring nothing new, the first pause between them (it doubles),
    the longest silence.
    """

    attempts: int = 4
    pause_s: float = 1.0
    silence_s: float = 30.0


class Failed(Exception):
    """The file did not come, in words; `passing` when another try may help.

    Not an ImpastoError: the caller knows what to advise, and makes a DownloadError of it.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


def receive(url: str, part: Path, *, size: int, progress: Callable[[int, int | None], None] | None, pace: Pace) -> None:
    """Completes the file `part` of `size` bytes; what it holds already is not asked for again.

    Raises Failed when the fault is not a passing one or lasts; OutputError when `part` cannot be written.
    """
    fruitless = 0
    while _held(part) < size:
        before = _held(part)
        try:
            _go(url, part, size=size, progress=progress, silence_s=pace.silence_s)
        except Failed as error:
            # A line that breaks often but brings a megabyte each time gets there in the end.
            fruitless = 0 if _held(part) - before >= 1 << 20 else fruitless + 1
            if not error.passing or fruitless >= pace.attempts:
                raise
            time.sleep(pace.pause_s * 2 ** max(0, fruitless - 1))
        else:
            return


def _held(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _go(url: str, part: Path, *, size: int, progress: Callable[[int, int | None], None] | None, silence_s: float) -> None:
    """One connection; returns when the server has sent all it has."""
    held = _held(part)
    headers = {"User-Agent": "impasto"} | ({"Range": f"bytes={held}-"} if held else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=silence_s) as answer:
            # A server that ignores Range answers 200 with the file from its start.
            goes_on = answer.status == 206 and _starts_at(answer.headers.get("Content-Range", ""), held)
            if answer.status == 206 and not goes_on:
                raise Failed("the server sent another part than asked for", passing=False)
            received = held if goes_on else 0
            length = answer.headers.get("Content-Length")
            total = received + int(length) if length is not None else None
            received = _copy(answer, part, received, total if total is not None else size, progress=progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            return  # nothing is left to send; the hash tells whether what is here is right
        raise Failed(f"the server answered {error.code} {error.reason}", passing=error.code in _PASSING) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        passing = not isinstance(reason, ssl.SSLCertVerificationError) and not isinstance(error, ValueError)
        raise Failed(_words(reason), passing=passing) from None
    if total is not None and received < total:
        raise Failed(f"the connection broke after {received} of {total} bytes", passing=True)


def _copy(answer: Any, part: Path, received: int, total: int, *, progress: Callable[[int, int | None], None] | None) -> int:
    """Appends to the part from `received` on, and returns how far it got."""
    with _open(part, received) as file:
        while chunk := answer.read(_CHUNK_BYTES):
            try:
                file.write(chunk)
            except OSError as error:
                raise files.output_error(part, error) from None
            received += len(chunk)
            if progress is not None:
                progress(received, total)
    return received


def _open(part: Path, received: int) -> Any:
    try:
        return part.open("ab" if received else "wb")
    except OSError as error:
        raise files.output_error(part, error) from None


def _starts_at(content_range: str, held: int) -> bool:
    return content_range.removeprefix("bytes ").startswith(f"{held}-")


def _words(reason: object) -> str:
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"the server could not be reached or fell silent ({text})"
