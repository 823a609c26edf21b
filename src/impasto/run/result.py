"""A finished picture: image, losses, settings, manifest; saves and shows itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from impasto import manifest as manifests
from impasto.errors import OutputError, RunError
from impasto.files import expanded, put
from impasto.images import encode, resize, to_pil, write
from impasto.run.engine import Run
from impasto.run.levels import final_size
from impasto.run.step import Record
from impasto.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image  # noqa: TID251 - for the type of `.image` only


@dataclass(frozen=True)
class Result:
    """What a run made.  `rgb`: [3, H, W], sRGB-encoded, 0..1; `alpha`: [H, W], 0..1, from the content, or None."""

    rgb: Tensor
    alpha: Tensor | None
    dpi: tuple[float, float]
    losses: tuple[Record, ...]
    settings: Settings
    manifest: Mapping[str, Any]

    @cached_property
    def image(self) -> Image:
        """The picture as an 8-bit PIL image, RGB or RGBA."""
        return to_pil(self.rgb, self.alpha)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False, record: bool = True) -> Path:
        """Write the picture, and its manifest inside it and beside it; the extension says the format.

        Args:
            path: The picture's file; the manifest beside it is called `PATH.json`.
            overwrite: Replace files that exist.
            record: Whether the manifest is written.

        Raises:
            OutputError: A file cannot be written, or exists and `overwrite` is not set.
        """
        target = expanded(path)
        beside = manifests.sidecar(target)
        if record and not overwrite and os.path.lexists(beside):
            raise OutputError(f"{beside} exists; choose another name, or replace it with --overwrite", path=beside)
        text = manifests.to_json(self.manifest) if record else None
        written = write(
            target,
            self.rgb,
            alpha=self.alpha,
            bits=self.settings.bits,
            quality=self.settings.quality,
            dpi=self.dpi,
            manifest=text,
            overwrite=overwrite,
        )
        if text is not None:
            put(beside, text.encode("utf-8"), existing="replace")
        return written

    def _repr_png_(self) -> bytes:
        """A notebook shows this."""
        return encode(self.rgb, ".png", alpha=self.alpha)


def result_of(run: Run) -> Result:
    """The best picture of a run so far, at the size asked for; raises RunError before the first evaluation."""
    best = run.best
    if best is None:
        raise RunError("there is no picture yet: not one evaluation was made; continue the run")
    size = final_size(run.settings, run.inputs.content.size)
    rgb = run.finished_picture(resize(best.float().cpu(), size)[0])
    return Result(rgb, alpha_at(run, size), dpi_of(run), tuple(run.records), run.settings, facts_of(run))


def alpha_at(run: Run, size: tuple[int, int]) -> Tensor | None:
    """The photograph's alpha [H, W], 0..1, at a size (height, width), or None where it has none."""
    return run.inputs.content.alpha_at(size)


def dpi_of(run: Run) -> tuple[float, float]:
    """Dots an inch, across and down: as set, else the photograph's, else 72."""
    if run.settings.dpi is not None:
        return run.settings.dpi, run.settings.dpi
    return run.inputs.content.dpi or (72.0, 72.0)


def facts_of(run: Run) -> dict[str, Any]:
    """The manifest of a run as it stands."""
    inputs = run.inputs
    described = {role: manifests.describe_picture(picture, inputs.paths.get(role)) for role, picture in inputs.roles().items()}
    masks, style_masks = (
        {role.partition(".")[2]: described.pop(role) for role in list(described) if role.partition(".")[0] == kind}
        for kind in ("mask", "style_mask")
    )
    color_mask = described.pop("color_mask", None)
    levels = []
    for number, level in enumerate(run.levels, 1):
        records = [record for record in run.records if record.level == number]
        if records:
            best = min(records, key=lambda record: record.loss)
            levels.append(
                {
                    "width": level.size[1],
                    "height": level.size[0],
                    "iterations": level.iterations,
                    "evaluations": len(records),
                    "first_loss": records[0].loss,
                    "best_loss": best.loss,
                    "best_parts": dict(best.parts),
                    "seconds": round(run.level_seconds[number - 1], 3),
                }
            )
    return {
        "finished": run.finished,
        "settings": run.settings.model_dump(mode="json"),
        "content": described.pop("content"),
        "start": described.pop("start", None),
        "styles": list(described.values()),
        "masks": masks,
        "style_masks": style_masks,
        "color_mask": color_mask,
        "weights": {
            "network": run.vgg.architecture.name,
            "source": run.vgg.weights.source,
            "sha256": run.vgg.weights.sha256,
        },
        "versions": manifests.versions(),
        "device": manifests.describe_device(run.vgg.device),
        "precision": run.vgg.precision,
        "arithmetic": run.vgg.arithmetic,
        "levels": levels,
        "rollbacks": [{"level": level + 1, "iteration": r.iteration, "reason": r.reason} for level, r in run.rollbacks],
        "seconds": round(run.seconds, 3),
    }
