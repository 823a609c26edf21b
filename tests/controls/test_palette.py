"""Colours of one picture moved to those of another."""

from __future__ import annotations

import pytest
import torch
from tests.evaluate.cases import picture
from tests.samples import painting, photo
from torch import Tensor

from impasto.controls.palette import grey, matching, matching_lightness, recolored, with_chroma_of
from impasto.images.colors.oklab import to_oklab, to_srgb


def soft(array: object) -> Tensor:
    """Colours far from the edges of the gamut, so that moving them clips nothing."""
    return 0.35 + 0.3 * picture(array, torch.float32)


PHOTO, PAINTING = soft(photo(60, 80)), soft(painting(50, 70))
FLAT = torch.full((1, 3, 20, 30), 0.4)
GREY = PHOTO.mean(1, keepdim=True).expand(1, 3, -1, -1).contiguous()
BLACK = torch.zeros(1, 3, 20, 30)


def test_oklab_and_back_is_the_same() -> None:
    rgb = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    assert float((to_srgb(to_oklab(rgb)) - rgb).abs().max()) < 1e-4


def test_oklab_of_known_colours() -> None:
    """Of white, and of sRGB's red (Ottosson 2020; CSS Color 4, examples)."""
    colors = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64).T.view(1, 3, 1, 2)
    expected = torch.tensor([[1.0, 0.0, 0.0], [0.62796, 0.22486, 0.12585]], dtype=torch.float64).T.view(1, 3, 1, 2)
    assert float((to_oklab(colors) - expected).abs().max()) < 1e-4


def test_a_colour_outside_the_gamut_keeps_its_lightness_and_hue() -> None:
    lab = torch.tensor([0.7, 0.5, 0.2]).view(1, 3, 1, 1)
    found = to_oklab(to_srgb(lab)).flatten()
    assert float(found[0]) == pytest.approx(0.7, abs=2e-3)
    assert float(found[2] / found[1]) == pytest.approx(0.4, abs=2e-2)
    assert 0.1 < float(found[1]) < 0.5


def moments(rgb: Tensor) -> tuple[Tensor, Tensor]:
    colors = to_oklab(rgb.double()).flatten(2)[0]
    return colors.mean(1), torch.cov(colors, correction=0)


def test_the_map_gives_a_picture_the_mean_and_covariance_of_the_other() -> None:
    floor = 0.01**2 * torch.eye(3, dtype=torch.float64)
    (mean, covariance), (to_mean, to_covariance) = moments(PAINTING), moments(PHOTO)
    matrix, offset = matching(PAINTING, PHOTO)
    assert torch.allclose(matrix @ (covariance + floor) @ matrix.T, to_covariance + floor, rtol=1e-8, atol=1e-12)
    assert torch.allclose(matrix @ mean + offset, to_mean)
    assert torch.allclose(matrix, matrix.T), "the map of optimal transport is symmetric"


def test_a_matched_picture_is_what_the_map_says_up_to_the_gamut() -> None:
    matrix, offset = matching(PAINTING, PHOTO)
    expected = torch.einsum("ij,bjhw->bihw", matrix.float(), to_oklab(PAINTING)) + offset.float().view(1, 3, 1, 1)
    assert float((to_oklab(recolored(PAINTING, matching(PAINTING, PHOTO))) - expected).abs().max()) < 2e-3


def test_matching_a_picture_with_itself_changes_nothing() -> None:
    assert float((recolored(PHOTO, matching(PHOTO, PHOTO)) - PHOTO).abs().max()) < 1e-3


@pytest.mark.parametrize("rgb", [PAINTING, GREY, FLAT, BLACK], ids=["painting", "grey", "flat", "black"])
@pytest.mark.parametrize("target", [PHOTO, GREY, FLAT, BLACK], ids=["photo", "grey", "flat", "black"])
def test_grey_and_flat_pictures_do_no_harm(rgb: Tensor, target: Tensor) -> None:
    for way in (matching, matching_lightness):
        found = recolored(rgb, way(rgb, target))
        assert bool(found.isfinite().all()) and float(found.min()) >= 0 and float(found.max()) <= 1


def test_what_is_matched_with_a_grey_picture_is_nearly_grey() -> None:
    chroma = to_oklab(recolored(PAINTING, matching(PAINTING, GREY)))[:, 1:]
    assert float(chroma.square().sum(1).mean().sqrt()) < 0.02


def test_matched_lightness_is_grey_with_the_others_mean_and_deviation() -> None:
    lab = to_oklab(recolored(PAINTING, matching_lightness(PAINTING, PHOTO)))
    expected = to_oklab(PHOTO)
    assert float(lab[:, 1:].abs().max()) < 1e-3
    assert float(lab[:, 0].mean()) == pytest.approx(float(expected[:, 0].mean()), abs=1e-3)
    assert float(lab[:, 0].std()) == pytest.approx(float(expected[:, 0].std()), rel=0.02)


def test_chroma_of_another_picture_leaves_lightness() -> None:
    other = PHOTO.roll(20, 3)
    found, own, wanted = to_oklab(with_chroma_of(GREY, other)), to_oklab(GREY), to_oklab(other)
    assert float((found[:, 0] - own[:, 0]).abs().max()) < 1e-3
    assert float((found[:, 1:] - wanted[:, 1:]).abs().max()) < 1e-3


def test_a_mask_limits_it_to_where_it_is() -> None:
    mask = torch.zeros(60, 80)
    mask[:30] = 1
    found = with_chroma_of(PHOTO, GREY, amount=mask)
    assert float((found[:, :, 30:] - PHOTO[:, :, 30:]).abs().max()) < 1e-3
    assert float(to_oklab(found[:, :, :30])[:, 1:].abs().max()) < 1e-3


def test_half_an_amount_is_halfway() -> None:
    half = to_oklab(recolored(PHOTO, grey(), amount=0.5))
    assert float((half[:, 1:] - to_oklab(PHOTO)[:, 1:] / 2).abs().max()) < 1e-3
