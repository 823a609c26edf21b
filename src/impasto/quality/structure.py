"""How much of a photograph's structure is kept: content feature structural distance (CFSD), 0 for all of it.

(1/n) Σ_i KL(S_i(C) ‖ S_i(G)), S = softmax of the rows of F Fᵀ, F the features of conv3_1, [n, C]: how strongly a position is
like each other one, as a distribution.  Chung, Hyun, Heo: Style Injection in Diffusion (CVPR 2024, arXiv 2312.09008).

Two departures: the authors' program divides F by the number of channels, which suits the numbers of one training of VGG-19 only;
here the mean square length of a picture's features is 1, in any network.  And it sums over positions, which grows with the
picture; here is the mean.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

LAYER: Final = "conv3_1"

_ROWS: Final = 512
"""Positions that are compared with all others at a time."""


def cfsd(generated: Tensor, content: Tensor) -> float:
    """Of features [1, C, H, W] of one size, in nats, 0 or more.  Raises ValueError for two sizes."""
    if generated.shape != content.shape:
        raise ValueError(f"structure is compared position by position: got {list(generated.shape)} and {list(content.shape)}")
    made, kept = _scaled(generated), _scaled(content)
    total = 0.0
    for start in range(0, len(kept), _ROWS):
        rows = slice(start, start + _ROWS)
        log_made, log_kept = (torch.log_softmax(f[rows] @ f.T, 1) for f in (made, kept))
        total += float((log_kept.exp() * (log_kept - log_made)).sum())
    return max(0.0, total / len(kept))


def _scaled(features: Tensor) -> Tensor:
    """Positions as rows, [n, C], in float64."""
    rows = features[0].flatten(1).T.double()
    return rows / rows.square().sum(1).mean().sqrt().clamp_min(1e-12)
