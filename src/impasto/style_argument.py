"""The grammar of a style with its weight: `b.jpg:0.3`, in the command line, in settings files and in tables alike."""

from __future__ import annotations

import os
import re
from typing import Final

from impasto.errors import InvalidSettings
from impasto.files import expanded
from impasto.storage.text import shown

_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:inf|infinity|nan)"
_WEIGHTED: Final = re.compile(rf"(?P<style>.+):(?P<weight>{_NUMBER})", re.DOTALL)
_WITH_COMMA: Final = re.compile(r"(?P<style>.+):(?P<weight>[0-9]+,[0-9]+)", re.DOTALL)
_LARGEST: Final = 1e12


def weighted(style: str) -> tuple[str, float | None]:
    r"""Return a style's path and the weight behind its colon, None where there is none.

    A file that has such a name is that file, and the colon behind a drive's letter begins no weight.

    >>> weighted("b.jpg:.5"), weighted("C:\\b.jpg")
    (('b.jpg', 0.5), ('C:\\b.jpg', None))

    Raises:
        InvalidSettings: The weight is not above 0 and below 1e12, or written with a comma.
    """
    if ":" not in style or _is_there(style):
        return style, None
    found = _WEIGHTED.fullmatch(style)
    if found is None:
        comma = _WITH_COMMA.fullmatch(style)
        if comma is not None:
            point = comma["weight"].replace(",", ".")
            raise InvalidSettings(
                f"the weight of the style {shown(comma['style'])} is written with a comma, {comma['weight']}; write {point}"
            )
        return style, None
    weight = float(found["weight"])
    if not 0 < weight < _LARGEST:
        raise InvalidSettings(
            f"the weight of the style {shown(found['style'])} must be above 0 and below 1e12, got {found['weight']}; "
            f"leave the style out instead of 0"
        )
    return found["style"], weight


def _is_there(path: str) -> bool:
    return os.path.exists(expanded(path))  # noqa: PTH110 - Path.exists raises for names that the system does not take
