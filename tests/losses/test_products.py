"""The products of features are those of their definition, however they are computed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto.losses import products
from impasto.native import library

SIZES = [(0, 5), (1, 1), (1, 13), (5, 7), (24, 33), (65, 64), (97, 131)]


def example(channels: int, size: tuple[int, int], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Features and a symmetric matrix."""
    generator = torch.Generator().manual_seed(channels)
    features = torch.randn(1, channels, *size, dtype=dtype, generator=generator).contiguous(memory_format=torch.channels_last)
    matrix = torch.randn(channels, channels, dtype=dtype, generator=generator)
    return features, matrix + matrix.T


@pytest.mark.parametrize("channels", [3, 17, 32, 64, 320])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_they_are_what_they_say(channels: int, size: tuple[int, int], layout: torch.memory_format, dtype: torch.dtype) -> None:
    features, matrix = example(channels, size, dtype)
    features = features.contiguous(memory_format=layout)
    exact = features.double()
    outer = torch.einsum("bchw,bdhw->bcd", exact, exact)
    moved = torch.einsum("cd,bdhw->bchw", matrix.double(), exact)
    found = products.outer_sum(features)
    torch.testing.assert_close(found.double(), outer, rtol=1e-5, atol=1e-5 * outer.max().item())
    found = products.at_each_position(matrix[None], features)
    torch.testing.assert_close(found.double(), moved, rtol=1e-5, atol=2e-4)
    assert found.is_contiguous(memory_format=torch.channels_last)
    into = torch.ones_like(features)
    products.add_at_each_position(matrix, features, into)
    torch.testing.assert_close(into.double(), 1 + moved, rtol=1e-5, atol=2e-4)


def test_several_pictures_are_not_added_up() -> None:
    features = torch.randn(3, 8, 5, 6).contiguous(memory_format=torch.channels_last)
    found = products.outer_sum(features)
    assert found.shape == (3, 8, 8)
    for at in range(3):
        torch.testing.assert_close(found[at], products.outer_sum(features[at : at + 1])[0])


@pytest.mark.skipif(library() is None, reason="no compiler at installation")
@pytest.mark.parametrize("channels", [32, 64, 320])
@pytest.mark.parametrize("size", SIZES)
def test_any_number_of_threads_gives_the_same_bits(channels: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    features, matrix = example(channels, size)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr("torch.get_num_threads", lambda threads=threads: threads)
        into = torch.ones_like(features)
        products.add_at_each_position(matrix, features, into)
        found.append((products.outer_sum(features), products.at_each_position(matrix[None], features), into))
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert torch.equal(one, other)
    assert torch.equal(found[0][0], found[0][0].transpose(1, 2))


@pytest.mark.skipif(library() is None, reason="no compiler at installation")
def test_a_long_sum_is_as_exact_as_a_short_one() -> None:
    features = torch.rand(1, 32, 600, 1000, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=torch.channels_last
    )
    exact = torch.einsum("bchw,bdhw->bcd", features.double(), features.double())
    assert (products.outer_sum(features).double() / exact - 1).abs().max() < 3e-6


@pytest.mark.skipif(library() is None, reason="no compiler at installation")
def test_what_is_not_a_number_stays_so_and_rows_of_a_band_are_left_alone() -> None:
    features, matrix = example(64, (9, 11))
    features[0, 5, 3, 4] = torch.nan
    assert products.outer_sum(features)[0, 5].isnan().all() and products.outer_sum(features)[0, :, 5].isnan().all()
    into = torch.zeros_like(features)
    products.add_at_each_position(matrix, features[:, :, 2:6], into[:, :, 2:6])
    assert into[0, :, 3, 4].isnan().all()
    assert not into[:, :, :2].any() and not into[:, :, 6:].any() and into[:, :, 2:6].nan_to_num(1).all()


@pytest.mark.skipif(library() is None, reason="no compiler at installation")
def test_what_does_not_fit_is_left_to_pytorch_which_says_so() -> None:
    features, matrix = example(64, (5, 7))
    for wrong in (matrix.double(), matrix[:32, :32], matrix.bfloat16()):
        with pytest.raises(RuntimeError):
            products.at_each_position(wrong[None], features)
        with pytest.raises(RuntimeError):
            products.add_at_each_position(wrong, features, torch.zeros_like(features))
    with pytest.raises(RuntimeError):
        products.add_at_each_position(matrix, features, torch.zeros_like(features)[:, :, :4, :3].contiguous())
