"""`impasto stylize CONTENT STYLE…`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto import presets, settings
from impasto.cli.loading import loading
from impasto.cli.options import CheckpointEvery, Json, NoRecord, Out, Overwrite, Quiet, Shares, setting
from impasto.cli.pictures import pictures

LOOK, TERMS, SEARCH, START, FILES = "Look", "Objective", "Optimisation", "Start image", "Files and machine"
LAYERS = "LAYER[:w],…"


def stylize(
    content: Annotated[str, typer.Argument(help="the photograph", metavar="CONTENT", show_default=False)],
    styles: Annotated[
        list[str] | None,
        typer.Argument(
            help="the painting; several are blended, with weights as b.jpg:0.3; a folder is one style",
            metavar="[STYLE]…",
            show_default=False,
        ),
    ] = None,
    more_styles: Annotated[
        list[str] | None,
        typer.Option("--style", help="a painting, or one more", rich_help_panel=LOOK, metavar="STYLE", show_default=False),
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            "--mask",
            help="where the styles paint: a picture, white there",
            rich_help_panel=LOOK,
            metavar="MASK",
            show_default=False,
        ),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(
            "--region", help="a style for where a mask is white", rich_help_panel=LOOK, metavar="MASK=STYLE", show_default=False
        ),
    ] = None,
    style_masks: Annotated[
        list[str] | None,
        typer.Option(
            "--style-mask",
            help="what of a style counts: a picture, white there; one a style in their order, - for all of it",
            rich_help_panel=LOOK,
            metavar="MASK",
            show_default=False,
        ),
    ] = None,
    color_mask: Annotated[
        list[str] | None,
        typer.Option(
            "--color-mask",
            help="where --color content lays the photograph's colours over: a picture, white there",
            rich_help_panel=LOOK,
            metavar="MASK",
            show_default=False,
        ),
    ] = None,
    style_weights: Annotated[str | None, setting("style_weights", panel=LOOK, metavar="W,…")] = None,
    style_scale: Annotated[str | None, setting("style_scale", panel=LOOK, metavar="S,…")] = None,
    style_strokes: Annotated[str | None, setting("style_strokes", panel=LOOK, metavar="all|fine|coarse,…")] = None,
    style_pull: Annotated[str | None, setting("style_pull", panel=LOOK, metavar="P,…")] = None,
    guides: Annotated[str | None, setting("guides", panel=LOOK, metavar="mean|inside|overlap")] = None,
    out: Out = None,
    size: Annotated[str | None, setting("size", panel=LOOK, metavar="N|WxH|original")] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help="start from named settings, see `impasto presets list`",
            rich_help_panel=LOOK,
            show_default=False,
        ),
    ] = None,
    strength: Annotated[float | None, setting("strength", panel=LOOK, metavar="0..1")] = None,
    content_weight: Annotated[float | None, setting("content_weight", panel=TERMS, metavar="α")] = None,
    style_weight: Annotated[float | None, setting("style_weight", panel=TERMS, metavar="β")] = None,
    variation_weight: Annotated[float | None, setting("variation_weight", panel=TERMS, metavar="γ")] = None,
    content_layers: Annotated[str | None, setting("content_layers", panel=TERMS, metavar=LAYERS)] = None,
    style_layers: Annotated[str | None, setting("style_layers", panel=TERMS, metavar=LAYERS)] = None,
    content_loss: Annotated[str | None, setting("content_loss", panel=TERMS, metavar="features|selfsim|laplacian")] = None,
    style_loss: Annotated[
        str | None, setting("style_loss", panel=TERMS, metavar="gram|centered|moments|sliced|histogram|nearest|ot")
    ] = None,
    normalize: Annotated[str | None, setting("normalize", panel=TERMS, metavar="targets|none")] = None,
    content_reduction: Annotated[str | None, setting("content_reduction", panel=TERMS, metavar="mean|sum")] = None,
    variation_reduction: Annotated[str | None, setting("variation_reduction", panel=TERMS, metavar="mean|sum")] = None,
    pooling: Annotated[str | None, setting("pooling", panel=TERMS, metavar="max|average")] = None,
    margin: Annotated[int | None, setting("margin", panel=SEARCH, metavar="PX")] = None,
    network: Annotated[str | None, setting("network", panel=TERMS, metavar="NAME|FILE")] = None,
    style_fit: Annotated[str | None, setting("style_fit", panel=LOOK, metavar="keep|stretch")] = None,
    color: Annotated[str | None, setting("color", panel=LOOK, metavar="style|content|match|luminance")] = None,
    color_amount: Annotated[float | None, setting("color_amount", panel=LOOK, metavar="0..1")] = None,
    tileable: Annotated[bool | None, setting("tileable", panel=LOOK)] = None,
    iterations: Annotated[int | None, setting("iterations", panel=SEARCH, metavar="N")] = None,
    levels: Annotated[int | None, setting("levels", panel=SEARCH, metavar="N")] = None,
    level_factor: Annotated[float | None, setting("level_factor", panel=SEARCH, metavar="F")] = None,
    optimizer: Annotated[str | None, setting("optimizer", panel=SEARCH, metavar="lbfgs|adam")] = None,
    learning_rate: Annotated[float | None, setting("learning_rate", panel=SEARCH, metavar="η")] = None,
    lbfgs_history: Annotated[int | None, setting("lbfgs_history", panel=SEARCH, metavar="N")] = None,
    lbfgs_metric: Annotated[float | None, setting("lbfgs_metric", panel=SEARCH, metavar="P")] = None,
    bounds: Annotated[str | None, setting("bounds", panel=SEARCH, metavar="project|free")] = None,
    init: Annotated[str | None, setting("init", panel=START, metavar="content|noise|blend|style|FILE")] = None,
    noise_ratio: Annotated[float | None, setting("noise_ratio", panel=START, metavar="0..1")] = None,
    seed: Annotated[int | None, setting("seed", panel=START, metavar="N")] = None,
    save_every: Annotated[int | None, setting("save_every", panel=FILES, metavar="N")] = None,
    losses: Annotated[
        Path | None,
        typer.Option(
            "--losses",
            help="write the losses: .csv a table, .png or .svg a plot",
            rich_help_panel=FILES,
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            help="read settings from a TOML file; options win",
            rich_help_panel=FILES,
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str | None, setting("device", panel=FILES, metavar="auto|cpu|cuda[:n]|mps")] = None,
    precision: Annotated[str | None, setting("precision", panel=FILES, metavar="auto|float32|bfloat16|float16|tf32")] = None,
    memory: Annotated[str | None, setting("memory", panel=FILES, metavar="4GB")] = None,
    bits: Annotated[int | None, setting("bits", panel=FILES, metavar="8|16")] = None,
    quality: Annotated[int | None, setting("quality", panel=FILES, metavar="1..100")] = None,
    dpi: Annotated[float | None, setting("dpi", panel=FILES, metavar="N")] = None,
    max_pixels: Annotated[int | None, setting("max_pixels", panel=FILES, metavar="N")] = None,
    checkpoint_every: CheckpointEvery = None,
    shares: Shares = None,
    overwrite: Overwrite = False,
    no_record: NoRecord = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Paint CONTENT in the style of STYLE.

    impasto stylize photo.jpg painting.jpg

    impasto stylize photo.jpg painting.jpg -o picture.png --size 1024 --strength 0.6

    impasto stylize photo.jpg painting.jpg --preset gatys2015
    """
    given: dict[str, Any] = {
        name: value for name, value in locals().items() if name in settings.Settings.model_fields and value is not None
    }
    from_file = {} if settings_file is None else settings.read_file(settings_file)
    all_styles = [*(styles or ()), *(more_styles or ())]
    found = pictures(from_file, all_styles, mask=mask, regions=regions, style_masks=style_masks, color_mask=color_mask)
    chosen = presets.resolve(from_file, given)

    with loading():
        from impasto.cli.drive import drive_new

    drive_new(
        content,
        found.styles,
        chosen,
        masks=found.masks,
        style_masks=found.style_masks,
        color_mask=found.color_mask,
        out=out,
        overwrite=overwrite,
        record=not no_record,
        losses=losses,
        checkpoint_every_s=checkpoint_every,
        shares=shares,
        quiet=quiet,
        as_json=as_json,
    )
