"""How much each position of a layer counts, from a mask of the picture: guidance channels (Gatys et al. 2017, arXiv 1611.07865).

A position of a deep layer sees many pixels, its receptive field, which may reach over a mask's border:

- mean: it counts as much as the mask on average in its own cell;
- inside: as the least of the mask in all that it sees, so nothing beyond the border has a say;
- overlap: as the most of it, so the border is painted with both sides.
"""

from __future__ import annotations

from typing import Final, Literal

import torch.nn.functional as F
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.vgg import Vgg

Guide = Literal["mean", "inside", "overlap"]

LEAST_SHARE: Final = 1e-6


def guide(mask: Tensor, vgg: Vgg, layer: str, how: Guide = "mean") -> tuple[Tensor, float]:
    """Return how much each position of a layer counts, and the mean of that.

    A mask too narrow for a layer's receptive field leaves no position `inside`: there it is `mean`.  One that lies wholly in the
    last rows or columns, which are fewer than a cell has, counts in the last whole cells.

    Args:
        mask: [H, W], 0..1.
        vgg: The network.
        layer: The layer.
        how: How a position that sees a border counts.

    Returns:
        [⌊H/stride⌋, ⌊W/stride⌋], 0..1, and its mean.

    Raises:
        InvalidSettings: The mask is black.
    """
    stride, seen = vgg.architecture.stride(layer), vgg.architecture.padding_px(vgg.architecture.layer(layer))
    cells = -(-seen // stride)
    mean = F.avg_pool2d(mask[None, None], stride)[0, 0]
    if float(mean.mean()) < LEAST_SHARE:
        mean = F.adaptive_avg_pool2d(mask[None, None], (mean.shape[0], mean.shape[1]))[0, 0]
    found = mean
    if how == "inside":
        found = -_largest(-mask, stride, cells)
    elif how == "overlap":
        found = _largest(mask, stride, cells)
    if float(found.mean()) < LEAST_SHARE:
        found = mean
    share = float(found.mean())
    if share < LEAST_SHARE:
        raise InvalidSettings(
            "a mask leaves nothing to be painted: it is black, or smaller than what a layer sees; paint it white"
        )
    return found, share


def _largest(mask: Tensor, stride: int, cells: int) -> Tensor:
    """Return the largest of the mask in each cell and in so many cells around it."""
    found = F.max_pool2d(mask[None, None], stride)
    for window in ((2 * cells + 1, 1), (1, 2 * cells + 1)):
        found = F.max_pool2d(found, window, stride=1, padding=(window[0] // 2, window[1] // 2))
    return found[0, 0]
