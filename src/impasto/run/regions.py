"""A photograph's regions without other weights: clusters of VGG features, or of colours; and masks from a map of colours."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.controls.clusters import clusters
from impasto.controls.edges import guided, sharpened, softened
from impasto.errors import ImageTooSmall, InvalidSettings
from impasto.images import Picture, fit
from impasto.images.colors.oklab import to_oklab
from impasto.vgg import Vgg

By = Literal["features", "colors"]

MOST: Final = 12
COLORS: Final = (
    *((230, 75, 60), (60, 120, 216), (250, 200, 50), (80, 170, 90), (150, 90, 200), (240, 140, 180)),
    *((70, 200, 210), (160, 110, 70), (120, 120, 120), (250, 240, 220), (30, 50, 90), (190, 220, 80)),
)
"""Of a map, sRGB, 0..255."""

_LOOKED_AT_PX: Final = 384
_LONGEST_PX: Final = 2048
"""Masks are no larger: they are stretched to any size."""

_LEAST_PX: Final = 32
_PLACE: Final = 0.35
"""How much where something is counts beside what it is: a sky is one region, also behind a tower."""

_COLOR: Final = 1.0
_LEAST_SHARE: Final = 0.005
"""Of a map's pixels that a colour must cover to be a region: those of a smoothed border cover less."""

_ONE_COLOR: Final = 0.02
"""Between colours that nobody tells apart, in Oklab, where black and white are 1 apart."""

_NOTHING: Final = 0.001
"""The share of a region that nothing is left of."""


@torch.no_grad()
def regions(
    photo: Picture, *, count: int = 4, by: By = "features", vgg: Vgg | None = None, soft_px: int = 2, seed: int = 0
) -> Tensor:
    """Return masks [N, H, W], 0..1, that add up to 1 at each pixel, the largest first, of the photograph's size, up to 2,048 px.

    `vgg` is needed for features.  N is less than `count` where the photograph has fewer different places, and 1 where it has one
    colour all over.

    Raises:
        ImageTooSmall: The photograph has less than 32 px per side.
        InvalidSettings: The count is not 2 to 12.
    """
    if not 2 <= count <= MOST:
        raise InvalidSettings(f"count: a photograph is divided into 2 to {MOST} regions, not {count}", setting="count")
    if min(photo.size) < _LEAST_PX:
        raise ImageTooSmall(f"{photo.name} is {photo.size[1]}x{photo.size[0]}; regions need {_LEAST_PX} px a side")
    seen = photo.at(_reduced(photo.size, _LOOKED_AT_PX))
    if _is_flat(seen):
        return torch.ones(1, *_reduced(photo.size, _LONGEST_PX), dtype=torch.float32, device="cpu")
    rows, grid = _features(seen, vgg) if by == "features" and vgg is not None else _colors(seen)
    group = clusters(rows, count, torch.Generator().manual_seed(seed)).view(grid)
    masks = F.one_hot(_tidied(group, count), count).permute(2, 0, 1)[:, None].float()
    lab = to_oklab(seen)
    masks = F.interpolate(masks, size=lab.shape[2:], mode="bilinear")
    if by == "features":
        masks = sharpened(masks, lab)
    size = _reduced(photo.size, _LONGEST_PX)
    light = to_oklab(photo.at(size))[:, :1]
    return _finished(guided(F.interpolate(masks, size=size, mode="bilinear"), light, radius_px=max(2, max(size) // 96)), soft_px)


def from_map(colored: Picture, *, soft_px: int = 2) -> Tensor:
    """Return masks as `regions` gives them, of a map: each flat colour that covers half a percent of it is a region.

    Pixels of other colours, as at smoothed borders, belong to the nearest.  Raises InvalidSettings for one, or more than 12.
    """
    # Every few pixels one rather than a mean of them: flat colours stay what they are.
    step = math.ceil(max(colored.size) / _LONGEST_PX)
    seen = replace(colored, pixels=colored.pixels[::step, ::step])
    pixels = (seen.rgb * 255).round().long().flatten(1).T
    keys = pixels @ torch.tensor([65536, 256, 1], dtype=torch.int64, device="cpu")
    found, counts = torch.unique(keys, return_counts=True)
    flat = found[counts >= max(1, _LEAST_SHARE * len(keys))]
    if not 2 <= len(flat) <= MOST:
        raise InvalidSettings(
            f"the map {colored.name} has {len(flat)} colours that cover half a percent of it, expected 2 to {MOST}; paint "
            f"regions in flat colours, and save it as PNG"
        )
    palette = torch.stack([flat // 65536, flat // 256 % 256, flat % 256], 1).float()
    # By colours that occur, not by pixels: of these there may be millions.
    of_found = torch.stack([found // 65536, found // 256 % 256, found % 256], 1).float()
    nearest = torch.cat([torch.cdist(some, palette).argmin(1) for some in torch.split(of_found, 1 << 16)])
    group = nearest[torch.searchsorted(found, keys)].view(seen.size)
    masks = F.one_hot(group, len(flat)).permute(2, 0, 1)[:, None].float()
    return _finished(masks, soft_px)


def label_map(masks: Tensor) -> Tensor:
    """Return the map of masks [N, H, W], in flat colours, [3, H, W], 0..1: each pixel in that of its largest."""
    return (torch.tensor(COLORS, dtype=torch.float32, device="cpu")[masks.argmax(0)] / 255).permute(2, 0, 1)


def _features(seen: Tensor, vgg: Vgg) -> tuple[Tensor, tuple[int, int]]:
    """What positions at conv3_1 are like: there, at conv4_1 around them, their colour and height; rows [n, d] and their grid."""
    found = vgg.features(seen.to(vgg.device), ("conv3_1", "conv4_1"))
    near, far = (layer.cpu() for layer in found.values())
    grid = (near.shape[2], near.shape[3])
    far = F.interpolate(far, size=grid, mode="bilinear")
    color, place = _color_and_place(seen, grid)
    parts = [F.normalize(near - near.mean((2, 3), keepdim=True), dim=1), F.normalize(far - far.mean((2, 3), keepdim=True), dim=1)]
    return _rows(torch.cat([0.5 * parts[0], parts[1], _COLOR * color, _PLACE * place], 1)), grid


def _colors(seen: Tensor) -> tuple[Tensor, tuple[int, int]]:
    grid = (seen.shape[2] // 2, seen.shape[3] // 2)
    color, place = _color_and_place(seen, grid)
    return _rows(torch.cat([color, 0.1 * _PLACE * place], 1)), grid


def _color_and_place(seen: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return Oklab, chroma twice, since it tells more than light and shade do; and the height in the picture, −½ to ½."""
    color = F.adaptive_avg_pool2d(to_oklab(seen), grid) * torch.tensor([1.0, 2.0, 2.0], dtype=torch.float32, device="cpu").view(
        1, 3, 1, 1
    )
    place = torch.linspace(-0.5, 0.5, grid[0], dtype=torch.float32, device="cpu").view(1, 1, -1, 1).expand(1, 1, *grid)
    return color, place


def _is_flat(seen: Tensor) -> bool:
    """Return whether a picture [1, 3, H, W] has one colour all over: what differs there is only how far the border is."""
    lab = to_oklab(seen)
    return float((lab.amax((2, 3)) - lab.amin((2, 3))).max()) < _ONE_COLOR


def _rows(features: Tensor) -> Tensor:
    return features[0].flatten(1).T.contiguous()


def _tidied(group: Tensor, count: int) -> Tensor:
    """Groups [h, w] without islands: each position takes the one that most around it have, until little changes."""
    for radius in (2, 2, 1):
        votes = F.one_hot(group, count).permute(2, 0, 1)[:, None].float()
        group = softened(votes, radius)[:, 0].argmax(0)
    return group


def _finished(masks: Tensor, soft_px: int) -> Tensor:
    """Soft, adding up to 1, the largest first, those that nothing is left of dropped; [N, 1, H, W] → [N, H, W]."""
    soft = softened(masks, soft_px)[:, 0]
    shares = soft.mean((1, 2))
    order = [int(at) for at in shares.argsort(descending=True) if float(shares[at]) > _NOTHING]
    kept = soft[order]
    return kept / kept.sum(0).clamp_min(1e-6) + (kept.sum(0) <= 1e-6) / len(order)


def _reduced(size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    height, width = fit(size, min(long_side_px, max(size)))
    return max(height, 16), max(width, 16)
