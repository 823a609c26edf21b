"""Commands that take most options of `stylize`: theirs are read from its signature, so there is one list of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from impasto import presets, settings
from impasto.cli.loading import loading
from impasto.cli.pictures import with_style_masks
from impasto.cli.stylize import stylize


def takes_options_of_stylize(
    *, without: Sequence[str], first: Sequence[inspect.Parameter] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command `stylize`'s parameters but for some, behind `first`, its own."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        shared = [
            parameter for name, parameter in inspect.signature(stylize, eval_str=True).parameters.items() if name not in without
        ]
        parameters = [*first, *shared]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
        return command

    return decorate


def own(name: str, annotation: object, default: object = inspect.Parameter.empty) -> inspect.Parameter:
    """Return a parameter of the command's own."""
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=default)


def start(
    content: str | None,
    styles: Sequence[str],
    given: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any],
    needs: Mapping[str, Any],
    stem: str,
) -> None:
    """Start a run with the options given, over `defaults` and under what `needs` says; without content it has the style's size.

    `stem`: what the picture is called behind the name of its input.
    """
    fields = settings.Settings.model_fields
    rest = {name: value for name, value in given.items() if name not in fields}
    file = rest.pop("settings_file")
    style_masks = with_style_masks(rest.pop("style_masks", None), len(styles))
    from_file = {} if file is None else settings.read_file(file)
    chosen = {name: value for name, value in given.items() if name in fields and value is not None}
    resolved = presets.resolve(defaults, from_file, chosen, needs)
    with loading():
        from impasto.cli.drive import drive_new
    drive_new(
        content,
        styles,
        resolved,
        checkpoint_every_s=rest.pop("checkpoint_every"),
        record=not rest.pop("no_record"),
        stem=stem,
        style_masks=style_masks,
        **rest,
    )
