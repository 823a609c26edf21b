"""Style files: what losses keep of paintings, without the paintings.

A safetensors file with the statistics of each layer at a ladder of sizes, and where they came from.  A run takes those of the
size at which it would measure the painting; at a size of the ladder they are the painting's own, in between they are
interpolated, linearly in the logarithm of the size.  `moments` hold Gram matrices, too, and are kept as triangles.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from impasto import __version__
from impasto.errors import InvalidSettings, UnreadableImage
from impasto.files import expanded
from impasto.images import Picture
from impasto.losses.styles import KIND_OF, Kind, Loss, mixed
from impasto.objective import Known
from impasto.storage.listing import on_disk
from impasto.storage.text import to_json
from impasto.vgg import Vgg

SUFFIX: Final = ".style"
FORMAT: Final = "impasto-style 1"
LEAST_PX: Final = 64
"""The long side of the coarsest size."""

_LONGEST_HEADER: Final = 1 << 24


def is_style_file(source: object) -> bool:
    """Whether a path has the extension, or bytes begin as such a file does."""
    if isinstance(source, str | Path):
        return expanded(source).suffix.lower() == SUFFIX
    if isinstance(source, bytes | bytearray | memoryview):
        return FORMAT.encode() in bytes(source[:256])
    return False


@dataclass(frozen=True, eq=False)
class StyleFile:
    """Statistics of one or several paintings, in the place of a style picture; `encoded`: the file."""

    name: str
    encoded: bytes
    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the largest painting in px."""
        height, width = self.facts["size"]
        return height, width

    @property
    def sizes(self) -> list[int]:
        """The ladder: long sides in px, ascending."""
        return list(self.facts["sizes"])

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.encoded).hexdigest()

    def require(self, vgg: Vgg, layers: Sequence[str], kind: Kind) -> None:
        """Raises InvalidSettings unless it has the layers for a kind of statistic, of this network."""
        facts, network = self.facts, self.facts["network"]
        if network["sha256"] != vgg.weights.sha256 or network["pooling"] != vgg.pooling:
            raise InvalidSettings(
                f"the style file {self.name} was made with {network['name']} ({network['sha256'][:8]}) and {network['pooling']} "
                f"pooling, this run has {vgg.architecture.name} ({vgg.weights.sha256[:8]}) and {vgg.pooling} pooling; make it "
                f"again with these"
            )
        if kind not in facts["kinds"] and not (kind == "gram" and "moments" in facts["kinds"]):
            losses = ", ".join(loss for loss, needs in KIND_OF.items() if needs == kind)
            raise InvalidSettings(f"the style file {self.name} has nothing for the loss {losses}; make it with --for {losses}")
        missing = [layer for layer in layers if vgg.architecture.layer(layer) not in facts["layers"]]
        if missing:
            raise InvalidSettings(
                f"the style file {self.name} has no {', '.join(missing)}, only {', '.join(facts['layers'])}; make it with these"
            )

    def at(self, long_side_px: int) -> Known:
        """As a run sees it that measures it with such a long side."""
        return _AtSize(self, long_side_px)

    def blank(self) -> Picture:
        """A grey picture of its size, for runs that look at no photograph (`impasto texture`)."""
        return Picture(np.full((*self.size, 3), 128, np.uint8), None, self.name, self.encoded)

    def statistic(self, kind: Kind, layer: str, long_side_px: float) -> Tensor:
        """Of a layer at a size: between the two that are nearest, or that of the end beyond which it is."""
        sizes = self.sizes
        above = bisect.bisect_left(sizes, long_side_px)
        if above in {0, len(sizes)} or sizes[above] == long_side_px:
            return self.kept(kind, layer, sizes[min(above, len(sizes) - 1)])
        low, high = sizes[above - 1], sizes[above]
        share = math.log(long_side_px / low) / math.log(high / low)
        if kind == "samples":
            return self.kept(kind, layer, high if share > 1 / 2 else low)
        return mixed(kind, [self.kept(kind, layer, low), self.kept(kind, layer, high)], [1 - share, share])

    def kept(self, kind: Kind, layer: str, size: int) -> Tensor:
        """Of a layer at a size of the ladder."""
        if kind in {"gram", "moments"}:
            whole = _square(self.tensors[f"moments/{size}/{layer}"])
            return whole[:-1, :-1] if kind == "gram" else whole
        return self.tensors[f"{kind}/{size}/{layer}"]


@dataclass(frozen=True)
class _AtSize:
    """What Known says, of a style file."""

    style: StyleFile
    long_side_px: int

    def known(self, vgg: Vgg, layers: Sequence[str], kind: Kind) -> dict[str, Tensor]:
        self.style.require(vgg, layers, kind)
        return {
            layer: self.style.statistic(kind, vgg.architecture.layer(layer), self.long_side_px).to(vgg.device) for layer in layers
        }


def read_style(source: object, *, name: str | None = None) -> StyleFile:
    """Return the style file of a path or of bytes; raise UnreadableImage for what is none."""
    if isinstance(source, bytes | bytearray | memoryview):
        return _decoded(bytes(source), name or "style", "the style file")
    path = on_disk(expanded(str(source)))
    try:
        encoded = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableImage(f"style {path} does not exist; check the path", path=path) from None
    except OSError as error:
        raise UnreadableImage(f"style {path} cannot be read: {error.strerror}; check its path", path=path) from None
    return _decoded(encoded, name or path.stem, f"style {path}")


def _decoded(encoded: bytes, name: str, label: str) -> StyleFile:
    try:
        length = int.from_bytes(encoded[:8], "little")
        if not 0 < length <= min(len(encoded) - 8, _LONGEST_HEADER):
            raise ValueError("its header is damaged")
        facts = json.loads(json.loads(encoded[8 : 8 + length])["__metadata__"]["style"])
        if facts["format"] != FORMAT:
            raise ValueError(f"its form is {facts['format']!r}")
        style = StyleFile(name, encoded, facts, load(encoded))
        _check(style)
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise UnreadableImage(
            f"{label} is no style file of this version of impasto, or damaged ({error}); make it with `impasto style make`"
        ) from None
    return style


def _check(style: StyleFile) -> None:
    """Raises what a damaged file would raise when it is used."""
    if (
        not style.sizes
        or style.sizes != sorted(set(style.sizes))
        or min(*style.size, *style.sizes) < 1
        or not style.facts["kinds"]
    ):
        raise ValueError("its sizes are wrong")
    for kind in style.facts["kinds"]:
        for layer in style.facts["layers"]:
            for size in style.sizes:
                if not bool(style.kept(kind, layer, size).isfinite().all()):
                    raise ValueError("its numbers are not finite")
    network = style.facts["network"]
    texts = [network["sha256"], network["pooling"], network["name"], *style.facts["layers"]]
    texts += [picture[key] for picture in style.facts["pictures"] for key in ("name", "sha256")]
    shares = [picture["weight"] for picture in style.facts["pictures"]]
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(share, float) for share in shares):
        raise ValueError("its facts are damaged")


def encoded_style(statistics: Mapping[tuple[Kind, int, str], Tensor], facts: Mapping[str, Any]) -> bytes:
    """Return the file of statistics by kind, long side and layer."""
    tensors = {
        f"{kind}/{size}/{layer}": (_triangle(one) if kind == "moments" else one).cpu().contiguous()
        for (kind, size, layer), one in statistics.items()
    }
    # The format comes first, so that the file is known by its first bytes.
    whole = {"format": FORMAT, "impasto": __version__, **facts}
    encoded: bytes = save(tensors, {"style": to_json(whole)})
    return encoded


def kinds_for(losses: Sequence[str]) -> list[Kind]:
    """What the losses need; raises InvalidSettings for one that does not exist."""
    unknown = [loss for loss in losses if loss not in KIND_OF]
    if unknown:
        raise InvalidSettings(f"there is no style loss {unknown[0]!r}; there are {', '.join(KIND_OF)}", setting="style_loss")
    named: list[Loss] = [loss for loss in KIND_OF if loss in losses]
    return list(dict.fromkeys("moments" if KIND_OF[loss] == "gram" else KIND_OF[loss] for loss in named))


def ladder(long_side_px: int) -> Iterator[int]:
    """64, 128, 256, … below the long side of a painting, and that itself."""
    size = LEAST_PX
    while size < long_side_px:
        yield size
        size *= 2
    yield long_side_px


def _triangle(square: Tensor) -> Tensor:
    rows, columns = torch.triu_indices(len(square), len(square)).unbind()
    return square.cpu()[rows, columns]


def _square(triangle: Tensor) -> Tensor:
    side = round((math.sqrt(8 * len(triangle) + 1) - 1) / 2)
    rows, columns = torch.triu_indices(side, side).unbind()
    square = triangle.new_zeros(side, side)
    square[rows, columns] = triangle
    square[columns, rows] = triangle
    return square
