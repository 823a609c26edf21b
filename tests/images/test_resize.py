"""Laws of resizing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.images import fit, resize


def smooth(height: int, width: int) -> torch.Tensor:
    y, x = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    return torch.stack([0.2 + 0.6 * y * x, 0.5 + 0.3 * torch.sin(5 * x + y), x + 0 * y])[None]


def test_same_size_is_the_same_tensor() -> None:
    x = torch.rand(1, 3, 5, 7)
    assert resize(x, (5, 7)) is x


@settings(max_examples=25, deadline=None)
@given(value=st.floats(0, 1, width=32), size=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_constant_stays_constant(value: float, size: tuple[int, int]) -> None:
    y = resize(torch.full((1, 3, 13, 9), value), size)
    assert y.shape == (1, 3, *size)
    assert torch.allclose(y, torch.tensor(value), atol=1e-6)


@pytest.mark.parametrize("size", [(16, 24), (64, 96), (31, 50), (7, 200)])
def test_mean_is_kept_up_and_down(size: tuple[int, int]) -> None:
    x = smooth(32, 48)
    assert torch.allclose(resize(x, size).mean((2, 3)), x.mean((2, 3)), atol=0.01)


def test_enlarged_and_shrunk_again_is_the_picture() -> None:
    x = smooth(32, 48)
    assert torch.allclose(resize(resize(x, (64, 96)), (32, 48)), x, atol=0.02)


def test_overshoot_at_an_edge_is_clamped() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    y = resize(edge, (8, 64))
    assert y.min() == 0
    assert y.max() == 1


def test_shrinking_averages_what_it_leaves_out() -> None:
    stripes = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    assert torch.allclose(resize(stripes, (8, 8)), torch.tensor(0.5), atol=0.02)


def test_batches_and_single_channels_resize_alike() -> None:
    x = smooth(16, 16)
    y = resize(torch.cat([x, 1 - x]), (9, 5))
    assert torch.allclose(y[:1], resize(x, (9, 5)))
    assert torch.allclose(y[:1, 1:2], resize(x[:, 1:2], (9, 5)))


@settings(deadline=None)
@given(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), st.integers(1, 5000))
def test_fit_has_the_long_side_exactly_and_the_aspect_to_half_a_pixel(size: tuple[int, int], long_side: int) -> None:
    fitted = fit(size, long_side)
    assert max(fitted) == long_side
    assert min(fitted) >= 1
    exact = min(size) * long_side / max(size)
    assert abs(min(fitted) - exact) <= 0.5 or (exact < 1 and min(fitted) == 1)
    assert (fitted[0] >= fitted[1]) == (size[0] >= size[1]) or fitted[0] == fitted[1]
