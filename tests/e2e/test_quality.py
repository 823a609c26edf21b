"""What a picture must not show: dirty borders, noise, another picture than last time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.samples import painting, photo

import impasto

GOLDEN = Path(__file__).parent / "golden.png"
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def odd_picture() -> np.ndarray:
    """An odd size that no stride divides, of a real photograph and a real style."""
    result = impasto.stylize(
        EXAMPLES / "photos" / "temple.jpg", EXAMPLES / "styles" / "flow.jpg", size="93x61", iterations=25, levels=1
    )
    return np.asarray(result.image).astype(float) / 255


def edge_energy(picture: np.ndarray, axis: int) -> np.ndarray:
    """Mean |∂x| across each line between neighbouring rows (axis 0) or columns (axis 1)."""
    return np.abs(np.diff(picture, axis=axis)).mean(axis=tuple({0, 1, 2} - {axis}))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [slice(0, 3), slice(-3, None)])
def test_the_border_is_no_dirtier_than_the_inside(odd_picture: np.ndarray, axis: int, side: slice) -> None:
    energy = edge_energy(odd_picture, axis)
    assert energy[side].max() < 1.5 * np.percentile(energy, 95)


def test_few_pixels_are_clipped(odd_picture: np.ndarray) -> None:
    clipped = ((odd_picture <= 0) | (odd_picture >= 1)).mean()
    assert clipped < 0.1


def test_the_picture_looks_like_the_golden_one() -> None:
    """Rounding differs between processors, so the picture is compared as an eye would: the mean distance at 4×4 px cells."""
    result = impasto.stylize(photo(48, 64), painting(48, 64), size=64, iterations=15)
    found = np.asarray(result.image).astype(float)
    golden = np.asarray(Image.open(GOLDEN)).astype(float)
    cells = [picture.reshape(12, 4, 16, 4, 3).mean((1, 3)) for picture in (found, golden)]
    assert np.abs(cells[0] - cells[1]).mean() < 4
