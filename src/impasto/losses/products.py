"""The products that statistics of features are made of, as 1×1 convolutions where those are faster.

On x86 PyTorch multiplies matrices with MKL, which uses half of what AMD's processors can do, and convolves with oneDNN, which
does not: 1.5 to 2.3 times as fast there, as exact (benchmarks/results/2026-11-26-amd-epyc-2-cores-products.md).  The
last bits of such a sum depend on the number of threads.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor


def outer_sum(features: Tensor) -> Tensor:
    """Σ_p f_p f_pᵀ of features [B, C, H, W] → [B, C, C]."""
    if not _convolves(features):
        rows = features.flatten(2)
        return torch.bmm(rows, rows.transpose(1, 2))
    # What a 1×1 kernel's gradient is: the products of what comes in with what goes back, summed over positions.
    kernel = features.new_empty(features.shape[1], features.shape[1], 1, 1)
    found: Tensor = torch.ops.aten.convolution_backward(
        features,
        features,
        kernel,
        None,
        stride=[1, 1],
        padding=[0, 0],
        dilation=[1, 1],
        transposed=False,
        output_padding=[0, 0],
        groups=1,
        output_mask=[False, True, False],
    )[1]
    return found.view(1, features.shape[1], features.shape[1])


def at_each_position(matrix: Tensor, features: Tensor) -> Tensor:
    """M·f_p of a symmetric M [B, C, C] and features [B, C, H, W] → [B, C, H, W], channels last."""
    if _convolves(features):
        return F.conv2d(features, matrix[0, :, :, None, None])
    batch, channels, height, width = features.shape
    # Positions as rows: the result then lies channels-last, as the network wants it.
    rows = torch.bmm(features.flatten(2).transpose(1, 2), matrix)
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _convolves(features: Tensor) -> bool:
    return (
        features.device.type == "cpu"
        and features.dtype == torch.float32
        and features.shape[0] == 1
        and features.is_contiguous(memory_format=torch.channels_last)
        and _both_libraries()
    )


@cache
def _both_libraries() -> bool:
    return bool(torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
