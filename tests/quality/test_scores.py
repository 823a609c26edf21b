"""Scores: nothing for the same, more for what is further away, and what each does not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from tests.samples import TINY, painting, photo, tiny_weights
from torch import Tensor

from impasto.errors import ImageTooSmall
from impasto.images import Picture, read
from impasto.images.colors.oklab import to_oklab
from impasto.quality import Scores, score
from impasto.quality.colors import color_distance
from impasto.quality.defects import border, noise
from impasto.quality.patches import patch_distance
from impasto.quality.structure import cfsd
from impasto.vgg import Vgg


def rgb(size: tuple[int, int] = (48, 64), seed: int = 0) -> Tensor:
    return read(photo(*size, seed=seed)).rgb[None]


def features(seed: int = 0, *, height: int = 5, width: int = 7) -> Tensor:
    return torch.rand(1, 6, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_structure_is_the_formula_of_its_source() -> None:
    """Written out with loops, in NumPy, of features whose mean square length is 1."""
    made, kept = (f[0].reshape(6, -1).T.numpy() for f in (features(), features(1)))
    made, kept = (f / np.sqrt((f**2).sum(1).mean()) for f in (made, kept))
    total = 0.0
    for i in range(len(kept)):
        p, q = (np.exp(f @ f[i]) / np.exp(f @ f[i]).sum() for f in (kept, made))
        total += float((p * np.log(p / q)).sum())
    assert cfsd(features(), features(1)) == pytest.approx(total / len(kept), rel=1e-9)


def test_structure_knows_neither_strength_nor_what_positions_are_made_of() -> None:
    f = features()
    turned = torch.einsum("ij,bjhw->bihw", torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0], f)
    assert cfsd(3 * turned, f) == pytest.approx(0, abs=1e-12)
    assert cfsd(f.roll(2, 3), f) > 1e-3


def test_structure_of_two_sizes_is_refused() -> None:
    with pytest.raises(ValueError, match="position by position"):
        cfsd(features(height=5, width=7), features(height=7, width=5))


def test_colours_are_moved_by_scipys_distance() -> None:
    """Of greys, which differ along one axis: a mean over the sphere of |cos| is 1/2, which the distance makes up for."""
    ours, theirs = (rgb(seed=seed).mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous() for seed in (0, 1))
    light = [to_oklab(one)[0, 0].flatten().numpy() for one in (ours, theirs)]
    assert color_distance(ours, theirs) == pytest.approx(wasserstein_distance(*light), rel=0.02)


def test_colours_do_not_know_where_they_are() -> None:
    one = rgb()
    assert color_distance(one, one.flip(2, 3)) == pytest.approx(0, abs=1e-6)
    assert color_distance(one, one * 0.5) > 0.1


def test_patches_see_strokes_and_not_colours_as_such() -> None:
    one, other = rgb((96, 128)), read(painting(96, 128)).rgb[None]
    assert patch_distance(one, one) == 0
    assert patch_distance(one, 0.2 + 0.5 * one) < 0.01
    assert patch_distance(one, other) > 2 * patch_distance(one, one.flip(3)) > 0


def test_white_noise_has_the_share_that_the_filter_leaves_it() -> None:
    """1 − 2·(1/4) + Σ k² of the kernel k whose middle is 1/4."""
    grains = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    assert noise(grains) == pytest.approx(1 - 2 / 4 + (6 / 16) ** 2, rel=0.02)
    assert noise(rgb() * 0 + 0.5) == 0


def test_a_dirty_border_is_seen() -> None:
    smooth = rgb((96, 128))
    dirty = smooth.clone()
    dirty[..., :4, :] += 0.3 * torch.rand(4, 128, generator=torch.Generator().manual_seed(0))
    assert border(dirty) > 2 * border(smooth)
    assert border(torch.full((1, 3, 40, 40), 0.5)) == 1
    assert border(torch.rand(1, 3, 16, 200)) == 1


def scored(picture: Any, content: Any, *styles: Any, size_px: int = 64) -> Scores:
    pictures: list[Picture] = [read(one) for one in (picture, content, *styles)]
    return score(pictures[0], pictures[1], pictures[2:], vgg=Vgg(tiny_weights(TINY)), size_px=size_px)


def test_the_photograph_keeps_all_structure_and_the_painting_all_style() -> None:
    content, style = photo(96, 128), painting(100, 90)
    kept, painted = scored(content, content, style), scored(style, content, style)
    assert (kept.structure, kept.content, kept.colors_content) == pytest.approx((0, 0, 0), abs=1e-6)
    assert (painted.style, painted.patches, painted.colors_style) == pytest.approx((0, 0, 0), abs=1e-6)
    assert kept.style > 0 and painted.structure > 0 and painted.content > 0
    assert kept.border == 1


def test_of_several_styles_the_mean_counts() -> None:
    content, one, other = photo(96, 128), painting(100, 90), painting(100, 90, seed=3)
    both = scored(content, content, one, other)
    assert both.style == pytest.approx((scored(content, content, one).style + scored(content, content, other).style) / 2)


def test_a_picture_that_is_too_small_is_refused_in_one_line() -> None:
    with pytest.raises(ImageTooSmall, match=r"the photograph .* is 20x40, but to be compared it needs 32 px a side"):
        scored(photo(48, 64), photo(40, 20), painting(48, 64))


@pytest.mark.parametrize("size", [(33, 47), (35, 300)])
def test_odd_sizes_are_measured(size: tuple[int, int]) -> None:
    facts = scored(photo(*size), photo(64, 64), painting(50, 40)).as_dict()
    numbers = [value for value in facts.values() if isinstance(value, float)]
    assert len(numbers) == 8 and np.isfinite(numbers).all()
