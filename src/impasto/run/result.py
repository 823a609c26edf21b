"""A finished picture: image, losses, settings, manifest; saves and shows itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

from torch import Tensor

from impasto import manifest as manifests
from impasto.errors import OutputError, RecordError, RunError
from impasto.files import expanded, put
from impasto.images import encode, resize, to_pil, write
from impasto.run.engine import Run
from impasto.run.levels import final_size
from impasto.run.step import Record
from impasto.settings import Settings
from impasto.torch_modes import own_torch_modes

if TYPE_CHECKING:
    from PIL.Image import Image  # noqa: TID251 - for the type of `.image` only


@dataclass(frozen=True)
class Result:
    """A finished picture with its losses, settings and manifest.

    `rgb`, `alpha` and `image` are copies, made each time they are read: what the caller does to them changes no file.
    """

    picture: Tensor
    """float32 [3, H, W], sRGB-encoded, 0..1: what is saved, so it must not be written to; `rgb` is a copy."""

    opacity: Tensor | None
    """float32 [H, W], 0..1, the photograph's alpha, or None where that has none; `alpha` is a copy."""

    dpi: tuple[float, float]
    losses: tuple[Record, ...]
    settings: Settings
    manifest: Mapping[str, Any]

    @property
    @own_torch_modes()
    def rgb(self) -> Tensor:
        """The picture, float32 [3, H, W], sRGB-encoded, 0..1."""
        return self.picture.detach().clone()

    @property
    @own_torch_modes()
    def alpha(self) -> Tensor | None:
        """The photograph's alpha, float32 [H, W], 0..1, or None where that has none."""
        return None if self.opacity is None else self.opacity.detach().clone()

    @property
    @own_torch_modes()
    def image(self) -> Image:
        """The picture as an 8-bit PIL image, RGB or RGBA."""
        return to_pil(self.picture, self.opacity)

    @overload
    def save(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,
        *,
        overwrite: bool = False,
        record: bool = True,
    ) -> Path: ...

    @overload
    def save(self, path: Writable, format: str | None = None, *, overwrite: bool = False, record: bool = True) -> None: ...

    @own_torch_modes()
    def save(
        self,
        path: str | os.PathLike[str] | Writable,
        format: str | None = None,  # noqa: A002 - the word for it, and Pillow's
        *,
        overwrite: bool = False,
        record: bool = True,
    ) -> Path | None:
        """Write the picture, and its manifest inside it and beside it; return the path, or None for a file object.

        Inside it names and hashes of the inputs are recorded, beside it their paths as well.

        Args:
            path: The picture's file, whose extension says the format; the manifest beside it is called `PATH.json`.  Or a file
                object open for writing bytes, which gets the picture with the manifest inside, and is left open.
            format: The format for a file object, as "png" or ".jpg"; without it the extension of the object's name, else PNG.
            overwrite: Replace files that exist.
            record: Whether the manifest is written.

        Raises:
            OutputError: A file cannot be written, or exists and `overwrite` is not set; there is no such format.
            RecordError: The picture is written, and the manifest beside it cannot be.
        """
        text = manifests.to_json(manifests.without_places(self.manifest)) if record else None
        if not isinstance(path, str | os.PathLike):
            encoded = self._encoded(_extension(path, format), text)
            path.write(encoded)
            return None
        target = expanded(os.fsdecode(path))
        if format is not None and _dotted(format) != target.suffix.lower():
            raise OutputError(f"format {format!r} is for file objects; {target} says its format by its extension", path=target)
        beside = manifests.sidecar(target)
        if record and not overwrite and os.path.lexists(beside):
            raise OutputError(f"{beside} exists; choose another name, or replace it with --overwrite", path=beside)
        written = write(
            target,
            self.picture,
            alpha=self.opacity,
            bits=self.settings.bits,
            quality=self.settings.quality,
            dpi=self.dpi,
            manifest=text,
            overwrite=overwrite,
        )
        if record:
            try:
                put(beside, manifests.to_json(self.manifest).encode("utf-8"), existing="replace")
            except OutputError as error:
                raise RecordError(f"the picture is written, the record beside it is missing: {error}", **error.data) from None
        elif overwrite:
            manifests.forget(beside)
        return written

    @own_torch_modes()
    def _repr_png_(self) -> bytes:
        """Return the picture as a PNG file, which notebooks show."""
        return encode(self.picture, ".png", alpha=self.opacity)

    def _encoded(self, extension: str, manifest: str | None) -> bytes:
        settings = self.settings
        return encode(
            self.picture,
            extension,
            alpha=self.opacity,
            bits=settings.bits,
            quality=settings.quality,
            dpi=self.dpi,
            manifest=manifest,
        )


class Writable(Protocol):
    """A file open for writing bytes."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""


def _dotted(format: str) -> str:  # noqa: A002 - the word for it
    """Return a format as an extension: `PNG` is `.png`."""
    return "." + format.lower().removeprefix(".")


def _extension(file: Writable, format: str | None) -> str:  # noqa: A002 - the word for it
    """Return the extension that says a file object's format."""
    if format is not None:
        return _dotted(format)
    if not callable(getattr(file, "write", None)):
        raise OutputError(f"expected a path or a file object open for writing, got {type(file).__name__}")
    name = getattr(file, "name", None)
    return (Path(name).suffix if isinstance(name, str) else "") or ".png"


@own_torch_modes()
def result_of(run: Run) -> Result:
    """Return the best picture of a run so far, at the size asked for; raise RunError before the first evaluation."""
    best = run.best
    if best is None:
        raise RunError("there is no picture yet: not one evaluation was made; continue the run")
    size = final_size(run.settings, run.inputs.content.size)
    rgb = run.finished_picture(resize(best.float().cpu(), size)[0])
    return Result(rgb, alpha_at(run, size), dpi_of(run), tuple(run.records), run.settings, facts_of(run))


def alpha_at(run: Run, size: tuple[int, int]) -> Tensor | None:
    """Return the photograph's alpha [H, W], 0..1, at a size (height, width), or None where it has none."""
    return run.inputs.content.alpha_at(size)


def dpi_of(run: Run) -> tuple[float, float]:
    """Return the dots per inch, across and down: as set, else the photograph's, else 72."""
    if run.settings.dpi is not None:
        return run.settings.dpi, run.settings.dpi
    return run.inputs.content.dpi or (72.0, 72.0)


def facts_of(run: Run) -> dict[str, Any]:
    """Return the manifest of a run as it stands."""
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
