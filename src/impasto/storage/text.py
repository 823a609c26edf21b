r"""Names of files as text: a name is bytes to the system, and may hold what is no Unicode or no printable character.

Python keeps bytes that are no UTF-8 as lone surrogates (PEP 383), which no encoder accepts.  `to_json` writes them as JSON's own
escapes, so that they come back; `shown` replaces them, for people.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


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
    return "".join("\ufffd" if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in str(name))


def valid(text: str) -> str:
    r"""Return the text with U+FFFD in place of lone surrogates, so that it can be encoded; line breaks stay.

    >>> valid("a\nb\udce9")
    'a\nb\ufffd'
    """
    return _SURROGATE.sub("\ufffd", text)
