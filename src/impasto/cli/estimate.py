"""`impasto estimate CONTENT STYLE…`: what `stylize` with the same options would need."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from impasto import presets, settings
from impasto.cli.loading import loading
from impasto.cli.stylize import stylize

_SHARED = (*settings.Settings.model_fields, "content", "styles", "more_styles", "settings_file", "as_json")


def estimate(
    content: str,
    styles: list[str] | None = None,
    more_styles: list[str] | None = None,
    settings_file: Path | None = None,
    as_json: bool = False,
    **given: Any,
) -> None:
    """Say how `stylize` would go with the same options, how much memory it would need, and how long it would take.

    Tries out a few steps on small noise; makes no picture and writes nothing.

    impasto estimate photo.jpg painting.jpg --size 4096 --memory 4GB
    """
    from_file = {} if settings_file is None else settings.read_file(settings_file)
    chosen = presets.resolve(from_file, {name: value for name, value in given.items() if value is not None})
    with loading():
        from impasto.cli.drive import drive_estimate
    drive_estimate(content, [*(styles or ()), *(more_styles or ())], chosen, as_json=as_json)


# The options are stylize's, but for those that say where a picture goes.
_signature = inspect.signature(stylize, eval_str=True)
_shared = [parameter for name, parameter in _signature.parameters.items() if name in _SHARED]
estimate.__signature__ = _signature.replace(parameters=_shared)  # type: ignore[attr-defined]
estimate.__annotations__ = {parameter.name: parameter.annotation for parameter in _shared} | {"return": None}
