"""Content by the Laplacian of the pooled picture: its laws, its gradient, and its parts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.losses import LaplacianTerm
from impasto.losses.bands import measure
from impasto.losses.laplacian import laplacian
from impasto.objective import EMPHASIS, build
from impasto.presets import resolve
from impasto.vgg import Vgg


def picture(height: int = 23, width: int = 18, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def term(of: Tensor, cell_px: int = 4) -> LaplacianTerm:
    return LaplacianTerm(laplacian(of, cell_px), cell_px)


def loss(generated: Tensor, content: Tensor) -> float:
    edges = term(content)
    return float(edges.score(edges.measure(generated)))


def test_it_is_scipys_filter_of_the_pooled_picture() -> None:
    x = picture()
    pooled = x[0].numpy()[:, :20, :16].reshape(3, 5, 4, 4, 4).mean((2, 4)).sum(0)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    np.testing.assert_allclose(laplacian(x, 4).numpy(), convolve(pooled, kernel)[1:-1, 1:-1], atol=1e-12)


def test_a_photograph_is_at_distance_0_from_itself_and_only_from_itself() -> None:
    assert loss(picture(), picture()) == 0
    assert loss(picture(seed=1), picture()) > 0.001


def test_a_colour_and_a_slope_of_light_added_to_a_picture_change_nothing() -> None:
    slope = torch.linspace(0, 1, 18, dtype=torch.float64) + torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64).view(1, 3, 1, 1)
    assert loss(picture(seed=1) + slope, picture()) == pytest.approx(loss(picture(seed=1), picture()), rel=1e-9)


def test_the_gradient_passes_gradcheck() -> None:
    edges = term(picture(13, 12))
    assert torch.autograd.gradcheck(lambda x: edges.score(edges.measure(x)), (picture(13, 12, seed=1).requires_grad_(),))


@pytest.mark.parametrize("cuts", [[0, 1, 2, 3, 9, 23], [0, 7, 8, 23], [0, 23]])
@pytest.mark.parametrize("weighted", [False, True])
def test_parts_of_any_heights_add_to_the_whole(cuts: list[int], weighted: bool) -> None:
    edges, x = term(picture()), picture(seed=1)
    weight = torch.rand(23, 18, generator=torch.Generator().manual_seed(2), dtype=torch.float64) if weighted else None
    found = None
    for top, end in pairwise(cuts):
        reach = slice(top, end + edges.reach)
        piece = edges.part(slice(top, end), slice(None)).measure(x[:, :, reach], None if weight is None else weight[reach])
        found = piece if found is None else found + piece
    assert found is not None
    assert float(edges.score(found)) == pytest.approx(float(edges.score(edges.measure(x, weight))), rel=1e-12)


def test_bands_are_parts() -> None:
    edges, tall = term(picture(40, 9000)), picture(40, 9000, seed=1)
    assert float(measure(edges, tall).total) == pytest.approx(float(edges.measure(tall).total), rel=1e-12)


def test_a_normalised_one_is_1_where_there_are_no_edges(tiny_vgg: Vgg) -> None:
    content = picture(64, 80)
    objective = build(resolve({"content_loss": "laplacian", "style_weight": 0}), tiny_vgg, content, [content])
    flat = torch.full_like(content, 0.4)
    edges = [part for part in objective.parts if part.part == "content"]
    assert len(edges) == 2
    found = sum(float(part.weight * part.term.score(part.term.measure(flat))) for part in edges)
    assert found == pytest.approx(EMPHASIS["laplacian"], rel=1e-6)


def test_a_picture_too_small_for_it_is_refused(tiny_vgg: Vgg) -> None:
    content = picture(11, 40)
    with pytest.raises(InvalidSettings, match="12 px a side"):
        build(resolve({"content_loss": "laplacian"}), tiny_vgg, content, [content])
