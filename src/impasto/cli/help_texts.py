"""The help of commands: their docstrings, also where Python runs without docstrings (`python -OO`)."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import typer


def keep_help(app: typer.Typer) -> None:
    """Give every command of an application its help where Python stripped it; the sources still have it."""
    if sys.flags.optimize < 2:
        return
    for command in app.registered_commands:
        if command.help is None and command.callback is not None:
            command.help = _docstring(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            keep_help(group.typer_instance)


def _docstring(function: Callable[..., Any]) -> str | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return None
    definition = tree.body[0]
    return ast.get_docstring(definition) if isinstance(definition, ast.FunctionDef) else None
