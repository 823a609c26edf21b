"""Text that users make: settings files and tables as editors, spreadsheets and shells write them.

UTF-8 is read with or without a byte-order mark, UTF-16 (PowerShell's `>`) by its mark or by its zero bytes, UTF-32 by its mark,
all with any line ends.  Text in an old code page cannot be told from another one, so it is refused instead of guessed.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
from pathlib import Path
from typing import Final

from impasto.storage.text import shown

STANDARD_INPUT: Final = Path("-")
_MOST_BYTES: Final = 2**26
_MARKS: Final = (
    # UTF-32's mark of the low byte first begins like UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class NoText(ValueError):
    """The bytes are no text in an encoding that is understood; the message is for the user."""


def read_text(path: Path) -> str:
    """Return the text of a file that a user made, or of the standard input for `-`, with `\\n` as its line ends.

    Raises:
        OSError: The file cannot be read.
        NoText: It is no Unicode text, or larger than 64 MB.
    """
    if path == STANDARD_INPUT:
        data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    else:
        with path.open("rb") as file:
            if stat.S_ISBLK(os.fstat(file.fileno()).st_mode):
                raise NoText("it is a device, not a file")
            data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise NoText("it is larger than 64 MB, so it is another file than was meant")
    return decoded(data)


def decoded(data: bytes) -> str:
    r"""Return the text that the bytes are, without a byte-order mark, and with `\n` as its line ends.

    >>> decoded("ü = 1\r\n".encode("utf-16"))
    'ü = 1\n'

    Raises:
        NoText: They are no Unicode text.
    """
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding not in {"utf-8", "utf-8-sig"}:
            raise NoText(f"it begins as {encoding.upper()} and is damaged further on; save it as UTF-8") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise NoText(f"it is not in UTF-8 (line {line} has the byte 0x{data[error.start]:02X}); save it as UTF-8") from None
    if "\0" in text:
        raise NoText("it has zero bytes, so it is no text; save it as UTF-8")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").removesuffix("\x1a")


def reason(error: OSError | ValueError) -> str:
    """Return why a text cannot be read, in one line for the user."""
    return shown(error.strerror if isinstance(error, OSError) and error.strerror is not None else error)


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    # The letters of keys, names of columns and numbers are ASCII: in UTF-16 every second byte of them is zero.
    beginning = data[: 2 * (min(len(data), 4096) // 2)]
    even, odd = beginning[::2].count(0), beginning[1::2].count(0)
    if even + odd > len(beginning) // 5:
        if odd > 4 * even:
            return "utf-16-le"
        if even > 4 * odd:
            return "utf-16-be"
    return "utf-8"
