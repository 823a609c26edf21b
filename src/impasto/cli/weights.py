"""`impasto weights list | show | verify | import | fetch`: the networks, where they come from, and whether
they are right.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.streams import tell_result
from impasto.storage.text import shell_word, shown

if TYPE_CHECKING:
    from impasto.vgg.parameters import Weights

app = typer.Typer(help="Networks: list, inspect, verify, import and fetch weights.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="[NAME|FILE]", help="a network's name, or a weights file", show_default=True)]
ConventionOption = Annotated[
    str | None,
    typer.Option(
        "--convention",
        metavar="NAME",
        help="the input it was trained for: caffe, matconvnet or torchvision; if the file does not tell",
        show_default=False,
    ),
]


@app.command("list")
def list_() -> None:
    """Name all networks that are here, and those that can be fetched."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from impasto.vgg import weights
    from impasto.vgg.embedded import EMBEDDED
    from impasto.vgg.fetch import FETCHABLE

    table = Table(box=None, pad_edge=False)
    table.add_column("network", style="bold", no_wrap=True)
    table.add_column("where")
    here = weights.names()
    for name in here:
        table.add_row(Text(shown(name)), "comes with impasto" if name in EMBEDDED else "imported")
    for name, remote in FETCHABLE.items():
        if name not in here:
            table.add_row(name, f"impasto weights fetch {name} ({remote.size / 1e6:.0f} MB)")
    Console().print(table)
    folder = weights.data_dir()
    said = (
        "this user has no home folder to import networks to; set IMPASTO_DATA to a folder for them"
        if folder is None
        else f"imported networks lie in {shown(folder)}"
    )
    Console(highlight=False, soft_wrap=True).print(f"\n{said}", markup=False)


@app.command()
def show(which: Which = "vgg19", convention: ConventionOption = None) -> None:
    """Tell where a network comes from and what input it expects."""
    from impasto.vgg import weights

    _table(_facts(weights.load(which, convention=convention)))


@app.command()
def verify(which: Which = "vgg19", convention: ConventionOption = None) -> None:
    """Check a network's numbers; exits 2 when they are wrong."""
    from impasto.errors import WeightsError
    from impasto.vgg import weights
    from impasto.vgg.verify import checks

    found = weights.load(which, convention=convention)
    done = checks(found)
    _table({check.name: f"{'ok' if check.passed else 'WRONG'}: {check.detail}" for check in done})
    if not all(check.passed for check in done):
        raise WeightsError(f"{which} does not pass; get the file again, or give the right --convention", checks=done)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="a .pth, .mat, .h5 or .safetensors file", show_default=False),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="its name from now on; else the file's", show_default=False),
    ] = None,
    convention: ConventionOption = None,
) -> None:
    """Verify a weights file and keep it under a name."""
    from impasto.vgg import weights

    kept = weights.import_file(file, name=name, convention=convention)
    tell_result(f"{kept.stem}: use it with --network {shell_word(kept.stem)}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="one that `list` names", show_default=False)],
) -> None:
    """Download a network, check it, and keep it under its name."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from impasto.vgg.fetch import fetch as fetch_network

    # On standard error, so that standard output holds the result only.
    with Progress(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        kept = fetch_network(name, progress=lambda got, total: bar.update(task, completed=got, total=total))
    tell_result(f"{kept.stem}: use it with --network {shell_word(kept.stem)}")


def _facts(found: Weights) -> dict[str, str]:
    convention = found.convention
    return {
        "architecture": f"{found.architecture.name}, {len(found.architecture.convs)} convolutions",
        "input": f"{convention.channels}, 0..{convention.range:g}",
        "mean": ", ".join(f"{value:g}" for value in convention.mean),
        "std": ", ".join(f"{value:g}" for value in convention.std),
        "source": found.source,
        "sha256": found.sha256,
        **{key.replace("_", " "): value for key, value in sorted(found.notes.items())},
    }


def _table(rows: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in rows.items():
        table.add_row(key, Text(shown(value)))  # a file's own words are never markup
    Console(highlight=False).print(table)
