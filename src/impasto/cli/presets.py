"""`impasto presets list | show NAME`: the named settings and where each was published."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from impasto import presets

app = typer.Typer(help="Named settings: published configurations, reproduced.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """Name all presets."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("preset", style="bold", no_wrap=True)
    table.add_column("configuration")
    for preset in presets.PRESETS.values():
        table.add_row(preset.name, preset.title)
    Console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="a preset's name", metavar="NAME", show_default=False)],
) -> None:
    """Print a preset as a settings file, with its source."""
    preset = presets.get(name)
    print(f"# {preset.title}\n# Source: {preset.source}\n")
    for key, value in preset.settings().model_dump(exclude_none=True).items():
        print(f"{key} = {_toml(value)}")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(value)
