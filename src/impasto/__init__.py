"""impasto: a photograph painted in the style of a painting, by optimising pixels against a frozen VGG-19.

    >>> import impasto
    >>> result = impasto.stylize("photo.jpg", "painting.jpg", size=512)  # doctest: +SKIP
    >>> result.save("picture.png")  # doctest: +SKIP

Nothing runs at import; torch is loaded with the first name that needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto import losses as losses
    from impasto import vgg as vgg
    from impasto.errors import ImpastoError as ImpastoError
    from impasto.errors import InputError as InputError
    from impasto.errors import RunError as RunError
    from impasto.presets import PRESETS as PRESETS
    from impasto.run import Result as Result
    from impasto.run import Step as Step
    from impasto.run import stylize as stylize
    from impasto.settings import Settings as Settings

__version__ = "0.1.0"
__all__ = [
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

_HOMES = {
    "ImpastoError": "impasto.errors",
    "InputError": "impasto.errors",
    "PRESETS": "impasto.presets",
    "Result": "impasto.run",
    "RunError": "impasto.errors",
    "Settings": "impasto.settings",
    "Step": "impasto.run",
    "stylize": "impasto.run",
}


def __getattr__(name: str) -> Any:
    if name in {"losses", "vgg"}:
        return import_module(f"impasto.{name}")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'impasto' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
