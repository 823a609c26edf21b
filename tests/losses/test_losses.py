"""The formulas against NumPy, their gradients against finite differences, and the laws of a statistic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.losses import (
    ContentTerm,
    GramTerm,
    VariationTerm,
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)


def features(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_gram_matrix_equals_numpy() -> None:
    f = features(2, 5, 7, 3, dtype=torch.float32)
    rows = f.numpy().reshape(2, 5, 21)
    expected = np.einsum("bip,bjp->bij", rows, rows) / 21
    np.testing.assert_allclose(gram_matrix(f).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_gram_matrix_does_not_depend_on_the_memory_format() -> None:
    f = features(1, 5, 7, 3)
    torch.testing.assert_close(gram_matrix(f.contiguous(memory_format=torch.channels_last)), gram_matrix(f))


def test_content_loss_equals_numpy() -> None:
    g, c = features(1, 5, 7, 3, dtype=torch.float32), features(1, 5, 7, 3, seed=1, dtype=torch.float32)
    expected = ((g.numpy() - c.numpy()) ** 2).sum() / (4 * 7 * 3 * 5)
    assert float(content_loss(g, c)) == pytest.approx(expected, rel=1e-5)


def test_content_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="position by position"):
        content_loss(features(1, 5, 7, 3), features(1, 5, 1, 1))


def test_style_loss_equals_the_papers_form_for_equal_sizes() -> None:
    g, s = features(1, 5, 7, 3, dtype=torch.float32), features(1, 5, 7, 3, seed=1, dtype=torch.float32)
    unaveraged = [np.einsum("ip,jp->ij", f.numpy()[0].reshape(5, 21), f.numpy()[0].reshape(5, 21)) for f in (g, s)]
    expected = ((unaveraged[0] - unaveraged[1]) ** 2).sum() / (4 * 5**2 * 21**2)
    assert float(style_loss(g, s)) == pytest.approx(expected, rel=1e-5)


def test_style_loss_takes_a_style_of_any_size() -> None:
    s = features(1, 5, 4, 6)
    twice = torch.cat([s, s], dim=3)
    assert float(style_loss(twice, s)) == pytest.approx(0, abs=1e-12)


def test_total_variation_equals_numpy() -> None:
    x = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    a = x.numpy()
    expected = (np.abs(np.diff(a, axis=2)).sum() + np.abs(np.diff(a, axis=3)).sum()) / a.size
    assert float(total_variation(x)) == pytest.approx(expected, rel=1e-5)


def test_variation_of_a_constant_picture_is_0() -> None:
    assert float(total_variation(torch.full((1, 3, 9, 4), 0.3))) == 0


def test_losses_are_0_at_equality() -> None:
    f = features(1, 5, 7, 3)
    assert float(content_loss(f, f)) == 0
    assert float(style_loss(f, f)) == 0


def test_gram_does_not_depend_on_where_things_are() -> None:
    f = features(1, 5, 7, 3)
    shuffled = f.flatten(2)[:, :, torch.randperm(21, generator=torch.Generator().manual_seed(3))].view(1, 5, 7, 3)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(f))


@pytest.mark.parametrize("loss", [content_loss, style_loss])
@pytest.mark.parametrize("channels_last", [False, True])
def test_gradients_pass_gradcheck(loss, channels_last: bool) -> None:  # type: ignore[no-untyped-def]
    g, other = features(1, 4, 3, 5), features(1, 4, 3, 5, seed=1)
    if channels_last:
        g = g.contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(lambda x: loss(x, other), (g.requires_grad_(),))


def test_the_gradient_of_variation_passes_gradcheck() -> None:
    x = torch.rand(1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(total_variation, (x,))


def test_the_gradient_of_a_batch_passes_gradcheck() -> None:
    assert torch.autograd.gradcheck(gram_matrix, (features(3, 2, 3, 2).requires_grad_(),))


@pytest.mark.parametrize(
    ("term", "whole"),
    [
        (GramTerm("conv1_1", torch.eye(4, dtype=torch.float64)), features(1, 4, 6, 5)),
    ],
)
def test_statistics_of_two_parts_add_to_that_of_the_whole(term, whole) -> None:  # type: ignore[no-untyped-def]
    merged = term.measure(whole[:, :, :2]) + term.measure(whole[:, :, 2:])
    assert float(term.score(merged)) == pytest.approx(float(term.score(term.measure(whole))), rel=1e-12)


def test_content_statistics_of_two_parts_add_to_that_of_the_whole() -> None:
    whole, target = features(1, 4, 6, 5), features(1, 4, 6, 5, seed=1)
    parts = [ContentTerm("conv1_1", target[:, :, at]).measure(whole[:, :, at]) for at in (slice(0, 2), slice(2, 6))]
    term = ContentTerm("conv1_1", target)
    assert float(term.score(parts[0] + parts[1])) == pytest.approx(float(content_loss(whole, target)), rel=1e-12)


def test_terms_agree_with_functions() -> None:
    g, other = features(1, 4, 6, 5), features(1, 4, 6, 5, seed=1)
    gram = GramTerm("conv1_1", gram_matrix(other)[0])
    assert float(gram.score(gram.measure(g))) == pytest.approx(float(style_loss(g, other)), rel=1e-12)
    content = ContentTerm("conv1_1", other)
    assert float(content.score(content.measure(g))) == pytest.approx(float(content_loss(g, other)), rel=1e-12)
    rgb = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    variation = VariationTerm()
    assert float(variation.score(variation.measure(rgb))) == pytest.approx(float(total_variation(rgb)), rel=1e-6)


def test_the_sum_form_of_content_is_the_papers() -> None:
    g, c = features(1, 4, 6, 5), features(1, 4, 6, 5, seed=1)
    term = ContentTerm("conv1_1", c, "sum")
    assert float(term.score(term.measure(g))) == pytest.approx(float((g - c).square().sum()) / 2, rel=1e-12)


@pytest.mark.parametrize("kind", ["gram", "content", "variation"])
def test_a_mask_of_ones_is_no_mask(kind: str) -> None:
    g, other = features(1, 3, 6, 5), features(1, 3, 6, 5, seed=1)
    term = {
        "gram": GramTerm("conv1_1", gram_matrix(other)[0]),
        "content": ContentTerm("conv1_1", other),
        "variation": VariationTerm(),
    }[kind]
    full = torch.ones(6, 5, dtype=torch.float64)
    assert float(term.score(term.measure(g, full))) == pytest.approx(float(term.score(term.measure(g))), rel=1e-12)


def test_a_mask_counts_only_its_positions() -> None:
    f = features(1, 4, 6, 5)
    left = torch.zeros(6, 5, dtype=torch.float64)
    left[:, :2] = 1
    term = GramTerm("conv1_1", torch.zeros(4, 4, dtype=torch.float64))
    torch.testing.assert_close(term.measure(f, left).mean(), gram_matrix(f[:, :, :, :2])[0])
