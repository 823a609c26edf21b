"""A photograph's regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.samples import WIDE, photo, tiny_weights
from torch import Tensor

from impasto.errors import ImageTooSmall, InvalidSettings
from impasto.images import read
from impasto.run.regions import COLORS, MOST, from_map, label_map, regions
from impasto.vgg import Vgg

VGG = Vgg(tiny_weights(WIDE))


def halves(height: int = 60, width: int = 90) -> np.ndarray[Any, Any]:
    made = np.zeros((height, width, 3), np.uint8)
    made[:, : width // 3] = (200, 60, 40)
    made[:, width // 3 :] = (40, 90, 190)
    return made


def whole(masks: Tensor) -> bool:
    return bool(((masks.sum(0) - 1).abs() < 1e-5).all()) and float(masks.min()) >= 0 and float(masks.max()) <= 1 + 1e-6


@pytest.mark.parametrize("by", ["features", "colors"])
@pytest.mark.parametrize("size", [(48, 64), (35, 47), (33, 300)])
def test_masks_add_up_to_white_the_largest_first(by: Any, size: tuple[int, int]) -> None:
    masks = regions(read(photo(*size)), count=4, by=by, vgg=VGG)
    assert whole(masks) and tuple(masks.shape[1:]) == size
    shares = masks.mean((1, 2)).tolist()
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("by", ["features", "colors"])
def test_two_colours_are_two_regions(by: Any) -> None:
    masks = regions(read(halves()), count=2, by=by, vgg=VGG, soft_px=0)
    assert len(masks) == 2
    assert float(masks[0][:, 34:].mean()) > 0.95 and float(masks[1][:, :26].mean()) > 0.95


def test_the_same_seed_gives_the_same_masks() -> None:
    one, other = (regions(read(photo(64, 80)), count=3, by="features", vgg=VGG, seed=5) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("by", ["features", "colors"])
@pytest.mark.parametrize("noise", [0, 2])
def test_a_picture_of_one_colour_is_one_region(by: Any, noise: int) -> None:
    flat = np.full((40, 50, 3), (200, 30, 20), np.uint8)
    flat += np.random.default_rng(0).integers(0, noise + 1, flat.shape, dtype=np.uint8)
    masks = regions(read(flat), count=4, by=by, vgg=VGG, soft_px=3)
    assert tuple(masks.shape) == (1, 40, 50) and whole(masks)


def test_grey_and_transparent_pictures_have_regions() -> None:
    grey = photo(48, 64)[:, :, 0]
    clear = np.dstack([photo(48, 64), np.full((48, 64), 128, np.uint8)])
    for picture in (grey, clear):
        assert whole(regions(read(picture), count=3, by="features", vgg=VGG))


def test_a_map_gives_its_areas_again() -> None:
    masks = torch.zeros(3, 40, 60)
    masks[0, :, :30], masks[1, :20, 30:], masks[2, 20:, 30:] = 1, 1, 1
    again = from_map(read((label_map(masks) * 255).round().byte().permute(1, 2, 0).numpy()), soft_px=0)
    assert torch.equal(again, masks)


def test_smoothed_borders_of_a_map_belong_to_their_neighbours() -> None:
    painted = halves()
    painted[:20, 30] = (120, 75, 115)
    masks = from_map(read(painted), soft_px=0)
    assert len(masks) == 2 and float(masks[0][:, 31:].min()) == 1 and float(masks[1][:, :30].min()) == 1


def test_a_photograph_is_no_map() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for picture in (noise, np.full((40, 40, 3), 7, np.uint8)):
        with pytest.raises(InvalidSettings, match="expected 2 to 12; paint regions in flat colours"):
            from_map(read(picture))


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="2 to 12 regions, not 13"):
        regions(read(photo(48, 64)), count=13, by="colors")
    with pytest.raises(ImageTooSmall, match="32 px a side"):
        regions(read(photo(20, 64)), by="colors")


def test_there_are_colours_enough() -> None:
    assert len(set(COLORS)) == MOST
