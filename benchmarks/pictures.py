"""Content and style as PNG files that already have the working size, so that no program under test resizes them.

Each program has a filter and a rounding of its own; after it, the same J would not be the same function any more.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from impasto.images import fit, read, resize, write


def pair(content: Path, style: Path, long_side: int, folder: Path) -> tuple[Path, Path]:
    """content.png and style.png in the folder, each with this long side in px, 8 bits, and its proportions."""
    made = []
    for role, source in (("content", content), ("style", style)):
        rgb = read(source, role=role).rgb[None]
        made.append(_save(resize(rgb, fit((rgb.shape[2], rgb.shape[3]), long_side)), folder / f"{role}.png"))
    return made[0], made[1]


def stretched_pair(content: Path, style: Path, size: tuple[int, int], folder: Path) -> tuple[Path, Path]:
    """content.png and style.png in the folder, both (height, width) px, 8 bits, whatever their proportions."""
    made = []
    for role, source in (("content", content), ("style", style)):
        made.append(_save(resize(read(source, role=role).rgb[None], size), folder / f"{role}.png"))
    return made[0], made[1]


def pixels(path: Path) -> Tensor:
    """The picture of a file, [1, 3, H, W], sRGB-encoded, 0..1."""
    return read(path).rgb[None]


def eight_bits(rgb: Tensor) -> Tensor:
    """The picture as an 8-bit file holds it: clipped and rounded; rgb: [1, 3, H, W], 0..1."""
    return (rgb.clamp(0, 1) * 255).round() / 255


def _save(rgb: Tensor, path: Path) -> Path:
    return write(path, rgb, overwrite=True)
