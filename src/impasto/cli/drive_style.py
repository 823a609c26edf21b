"""`impasto style` in a terminal: style files are made and shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from impasto.cli.streams import tell_result
from impasto.errors import InvalidSettings, OutputError
from impasto.evaluate.allocator import keep_freed_memory
from impasto.files import check_place, in_folder, put
from impasto.losses.styles import KIND_OF
from impasto.presets import resolve
from impasto.run.inputs import read_input
from impasto.run.make_style import made_style
from impasto.run.style_file import SUFFIX, kinds_for, read_style
from impasto.run.styles import unfold
from impasto.storage.text import shown, to_json
from impasto.vgg import load


def drive_make(
    sources: Sequence[str],
    out: str,
    *,
    losses: Sequence[str],
    layers: Sequence[str],
    network: str,
    pooling: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Measure paintings and write their style file."""
    keep_freed_memory()
    target = in_folder(out, f"{Path(sources[0].rstrip('/')).stem}{SUFFIX}")
    if target.suffix.lower() != SUFFIX:
        raise InvalidSettings(f"a style file's name ends in {SUFFIX}, got {out}; use -o {target.with_suffix(SUFFIX).name}")
    settings = resolve({"pooling": pooling, "network": network})
    check_place(target)
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists; choose another name, or replace it with --overwrite", path=target)
    kinds = kinds_for(losses)
    unfolded = unfold(sources, settings)
    found = [read_input(f"style.{at}", source, settings) for at, source in enumerate(unfolded.sources)]
    vgg = load(settings.network, pooling=settings.pooling)
    encoded = made_style(found, vgg, layers=layers, kinds=kinds, weights=unfolded.settings.style_weights)
    put(target, encoded, existing="replace" if overwrite else "keep")
    tell_result(target if quiet else f"{target}  {len(encoded) / 1e6:.1f} MB")


def drive_show(file: str, *, as_json: bool) -> None:
    """Print where a style file came from, and what it has."""
    style = read_style(file)
    facts = style.facts
    if as_json:
        print(to_json(facts))
        return
    for picture in facts["pictures"]:
        size = f"{picture['width']}x{picture['height']}"
        print(f"{picture['weight']:7.1%}  {shown(picture['name'])}  {size}  sha256 {picture['sha256'][:16]}…")
    losses = [loss for loss, kind in KIND_OF.items() if ("moments" if kind == "gram" else kind) in facts["kinds"]]
    print(f"losses   {', '.join(losses)}")
    print(f"layers   {shown(', '.join(facts['layers']))}")
    print(f"sizes    {', '.join(map(str, facts['sizes']))} px")
    network = facts["network"]
    print(f"network  {shown(network['name'])}, {shown(network['pooling'])} pooling, sha256 {shown(network['sha256'][:16])}…")
