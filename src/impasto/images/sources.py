"""Bytes from wherever a picture lies: a file, a pipe, the standard input, an open file of the caller's.

Whatever is read is looked at after its first bytes: an endless pipe, or a film of fifty gigabytes, is refused by its kind
and not by memory.
"""

from __future__ import annotations

import difflib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from impasto.errors import ImageTooLarge, UnreadableImage
from impasto.images.decode import check_kind
from impasto.images.raster import Undecodable
from impasto.storage.text import shown

STANDARD_INPUT: Final = "-"
_CHUNK: Final = 1 << 20
_BYTES_PER_PIXEL: Final = 32
_METADATA_BYTES: Final = 1 << 28
"""No file of a picture is larger than its pixels at 32 bytes each, and 256 MiB of whatever else."""

_piped: bytes | None = None
"""The standard input, once it was read: it comes only once, and a run may look at one input twice."""


def in_file(path: Path, label: str, *, max_pixels: int) -> bytes:
    """Return the bytes of a file or a pipe; raises UnreadableImage, or ImageTooLarge."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            problem = "is a folder; name a picture in it"
        elif not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            problem = "is a device, not a file; name a picture file"
        else:
            with path.open("rb") as file:
                data = _checked(file, label, max_pixels=max_pixels)
            if len(data) > 0:
                return data
            problem = "is empty (0 bytes); copy or download it again"
    except (FileNotFoundError, NotADirectoryError):
        problem = f"does not exist; {_hint(path)}"
    except PermissionError:
        problem = "may not be read by you; change its permissions, or copy it"
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {shown(getattr(error, 'strerror', None) or error)}; check its path"
    raise UnreadableImage(f"{label} {problem}", path=path)


def in_standard_input(label: str, *, max_pixels: int) -> bytes:
    """Return what is piped into this process, the same bytes at each call; raises UnreadableImage, or ImageTooLarge."""
    global _piped  # noqa: PLW0603 - it belongs to the process, as the standard input does
    if _piped is None:
        stream = getattr(sys.stdin, "buffer", None)
        if stream is None or stream.closed:
            raise UnreadableImage(f"{label} cannot be read: this process has no standard input; name a file")
        if stream.isatty():
            raise UnreadableImage(f"{label} cannot be read: nothing is piped in; write `… | impasto …`, or name a file")
        try:
            data = _checked(stream, label, max_pixels=max_pixels)
        except OSError as error:
            raise UnreadableImage(f"{label} cannot be read: {error.strerror or error}; save it to a file first") from None
        if len(data) == 0:
            raise UnreadableImage(f"{label} is empty (0 bytes); check the command before the pipe")
        _piped = data
    return _piped


def in_open_file(file: Any, label: str, *, max_pixels: int) -> bytes:
    """Return the bytes of an open file of the caller's, from its start where it can go back, else from where it stands.

    Raises:
        UnreadableImage: It gives text, nothing, or an error.
        ImageTooLarge: It gives more than a picture can have.
    """
    try:
        seekable = getattr(file, "seekable", None)
        if callable(seekable) and seekable():
            file.seek(0)
        data = _checked(file, label, max_pixels=max_pixels)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise UnreadableImage(f"{label} cannot be read: {shown(error)}; give an open file, or its path") from None
    if len(data) == 0:
        raise UnreadableImage(f"{label} cannot be read: the open file gives no bytes; read from its beginning, or give its path")
    return data


def name_of(file: Any) -> str | None:
    """Return the stem of an open file's name, None where it has none that says something."""
    name = getattr(file, "name", None)
    return Path(name).stem if isinstance(name, str) and name != "" and not name.startswith("<") else None


def _checked(file: BinaryIO, label: str, *, max_pixels: int) -> bytes:
    """All bytes of a file, if it begins as a picture does and is no longer than one can be."""
    most = max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES
    chunks: list[bytes] = []
    length = 0
    try:
        while len(chunk := _piece(file.read)) > 0:
            chunks.append(chunk)
            length += len(chunk)
            if length - len(chunk) < 4096 <= length:
                check_kind(b"".join(chunks))
            if length > most:
                raise ImageTooLarge(f"{label} has more than {most:,} bytes, so it is more than {max_pixels:,} pixels; shrink it")
    except Undecodable as error:
        raise UnreadableImage(f"{label} cannot be read: {error}") from None
    return b"".join(chunks) if len(chunks) != 1 else chunks[0]


def _piece(read: Callable[[int], Any]) -> bytes:
    """The next bytes of a file; raises Undecodable where it gives something else."""
    piece = read(_CHUNK)
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    if isinstance(piece, str):
        raise Undecodable("the file is open for text; open it with mode 'rb'")
    if hasattr(piece, "close"):
        piece.close()  # a coroutine that nobody waits for would warn
    got = type(piece).__name__
    raise Undecodable(f"expected an open file whose read() gives bytes, got {got}; give its bytes, or the file inside it")


def _hint(path: Path) -> str:
    if str(path).startswith(("http:", "https:")):
        return "addresses are not fetched: download it first, and give the file's path"
    try:
        near = difflib.get_close_matches(path.name, os.listdir(path.parent), n=1)  # noqa: PTH208 - names alone
    except OSError:
        return f"neither does its folder {shown(path.parent)}; check the path"
    return f"did you mean {shown(path.parent / near[0])}?" if near else "check the path"
