r"""Names of files as text: a name is bytes to the system, and may hold what is no Unicode or no printable character.

Python keeps bytes that are no UTF-8 as lone surrogates (PEP 383), which no encoder accepts.  `to_json` writes them as JSON's own
escapes, so that they come back; `shown` replaces them, for people; `shell_word` writes them as a shell reads them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import unicodedata
from typing import Any, Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_SHOWN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, lone surrogates, and separators of lines and paragraphs."""


def to_json(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON in readable Unicode that every encoding of Unicode accepts.

    >>> to_json({"name": "caf\udce9 \u00fc"})
    '{"name": "caf\\udce9 ü"}'
    """
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False, indent=indent))


def shown(name: object) -> str:
    r"""Return a name or a path as a person and a terminal may see it: what is no character becomes U+FFFD.

    >>> shown("caf\udce9\x1b[31m.png")
    'caf\ufffd\ufffd[31m.png'
    """
    return "".join("\ufffd" if unicodedata.category(letter) in _NOT_SHOWN else letter for letter in str(name))


def shell_word(path: object) -> str:
    r"""Return a path as it may be copied into a shell: one word on one line, never an option, and the same file.

    What cannot be shown is written as POSIX's dollar-single-quotes write it (Shell Command Language, 2.2.4), which Bash, zsh and
    ksh read.

    >>> print(shell_word("my cat.png"), shell_word("-cat.png"), shell_word("caf\udce9's.png"))
    'my cat.png' ./-cat.png $'caf\351\047s.png'
    """
    text = str(path)
    text = f"./{text}" if text.startswith("-") else text
    if shown(text) == text:
        return shlex.quote(text)
    return "$'" + "".join(_escaped(letter) for letter in text) + "'"


def _escaped(letter: str) -> str:
    plain = letter not in "'\\" and unicodedata.category(letter) not in _NOT_SHOWN
    return letter if plain else "".join(f"\\{byte:03o}" for byte in os.fsencode(letter))


def valid(text: str) -> str:
    r"""Return the text with U+FFFD in place of lone surrogates, so that it can be encoded; line breaks stay.

    >>> valid("a\nb\udce9")
    'a\nb\ufffd'
    """
    return _SURROGATE.sub("\ufffd", text)
