"""The products of features are those of their definition, however they are computed."""

from __future__ import annotations

import pytest
import torch

from impasto.losses import products


@pytest.mark.parametrize("channels", [3, 17, 64])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (24, 33)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_they_are_what_they_say(channels: int, size: tuple[int, int], layout: torch.memory_format, dtype: torch.dtype) -> None:
    torch.manual_seed(channels)
    features = torch.randn(1, channels, *size, dtype=dtype).contiguous(memory_format=layout)
    matrix = torch.randn(1, channels, channels, dtype=dtype)
    matrix = matrix + matrix.transpose(1, 2)
    exact = features.double()
    outer = torch.einsum("bchw,bdhw->bcd", exact, exact)
    moved = torch.einsum("bcd,bdhw->bchw", matrix.double(), exact)
    torch.testing.assert_close(products.outer_sum(features).double(), outer, rtol=1e-5, atol=1e-4)
    found = products.at_each_position(matrix, features)
    torch.testing.assert_close(found.double(), moved, rtol=1e-5, atol=1e-4)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_several_pictures_are_not_added_up() -> None:
    features = torch.randn(3, 8, 5, 6).contiguous(memory_format=torch.channels_last)
    found = products.outer_sum(features)
    assert found.shape == (3, 8, 8)
    for at in range(3):
        torch.testing.assert_close(found[at], products.outer_sum(features[at : at + 1])[0])
