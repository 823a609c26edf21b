"""What should not be in a picture: noise of single pixels, and borders that differ from the rest.

Both are ratios to what the picture was made of, so that a rough painting is not taken for a fault.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

_BORDER_PX: Final = 8


def noise(rgb: Tensor) -> float:
    """The share of a picture's variance in its finest detail: what the 3×3 binomial filter takes away; [1, 3, H, W], 0..1.

    White noise has 0.86, a photograph about 0.01 to 0.05.
    """
    light = rgb.double().mean(1, keepdim=True)
    return float(_fine(light).square().mean() / light.var(correction=0).clamp_min(1e-9))


def border(rgb: Tensor) -> float:
    """Fine detail of the outermost 8 px over that of the rest, as root mean squares; [1, 3, H, W], 0..1; 1 is no difference.

    Of a picture with no rest (17 px a side or less) it is 1.
    """
    if min(rgb.shape[2:]) <= 2 * _BORDER_PX:
        return 1.0
    fine = _fine(rgb.double().mean(1, keepdim=True)).square()[0, 0]
    inside = torch.zeros_like(fine, dtype=torch.bool)
    inside[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
    least = 1e-8  # so that of two flat areas none differs from the other
    return float(((fine[~inside].mean() + least) / (fine[inside].mean() + least)).sqrt())


def _fine(light: Tensor) -> Tensor:
    kernel = torch.tensor([1.0, 2.0, 1.0], dtype=light.dtype, device=light.device) / 4
    smooth = F.conv2d(F.pad(light, (1, 1, 1, 1), mode="replicate"), torch.outer(kernel, kernel)[None, None])
    return light - smooth
