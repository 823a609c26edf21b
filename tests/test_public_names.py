"""The public names, frozen: whoever adds or removes one does so here as well, and says it in the changelog."""

from __future__ import annotations

import impasto
from impasto import errors

NAMES = [
    "PRESETS",
    "ImpastoError",
    "InputError",
    "Result",
    "RunError",
    "Settings",
    "Step",
    "__version__",
    "losses",
    "stylize",
    "vgg",
]


def test_the_public_names_are_these() -> None:
    assert sorted(impasto.__all__) == sorted(NAMES) == dir(impasto)


def test_each_public_name_is_there() -> None:
    assert all(getattr(impasto, name) is not None for name in NAMES)


def test_public_errors_are_those_that_are_raised() -> None:
    assert impasto.InputError is errors.InputError
    assert impasto.RunError is errors.RunError
    assert issubclass(errors.UnknownName, impasto.InputError) and issubclass(impasto.RunError, impasto.ImpastoError)
