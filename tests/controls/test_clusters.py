"""Groups, edges."""

from __future__ import annotations

import torch

from impasto.controls.clusters import clusters
from impasto.controls.edges import guided, sharpened, softened


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_groups_that_are_far_apart_are_found() -> None:
    centers = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    true = torch.arange(4).repeat_interleave(50)
    found = clusters(centers[true] + torch.randn(200, 2, generator=generator()), 4, generator())
    assert len({(int(a), int(b)) for a, b in zip(true, found, strict=True)}) == 4


def test_no_other_division_into_two_is_better() -> None:
    """All divisions of ten numbers, which are cuts of them in order."""
    rows = torch.randn(10, 1, generator=generator())
    found = clusters(rows, 2, generator())

    def spread(group: torch.Tensor) -> float:
        return sum(float((rows[group == at] - rows[group == at].mean(0)).square().sum()) for at in (0, 1))

    order = rows[:, 0].argsort()
    cuts = [torch.zeros(10, dtype=torch.long).index_fill(0, order[:cut], 1) for cut in range(1, 10)]
    assert spread(found) <= min(map(spread, cuts)) + 1e-6


def test_the_same_generator_gives_the_same_groups() -> None:
    rows = torch.rand(300, 5, generator=generator())
    assert torch.equal(clusters(rows, 6, generator()), clusters(rows, 6, generator()))


def test_fewer_different_rows_than_groups_are_no_error() -> None:
    rows = torch.tensor([[1.0], [1.0], [2.0], [2.0]])
    found = clusters(rows, 4, generator())
    assert found[0] == found[1] != found[2] == found[3]


def test_a_mask_moves_to_the_edge_that_is_near() -> None:
    """The photograph's edge is at column 30, the mask's at 34."""
    lab = torch.zeros(1, 3, 40, 64)
    lab[:, 0, :, 30:] = 1
    mask = torch.zeros(2, 1, 40, 64)
    mask[0, :, :, :34] = 1
    mask[1] = 1 - mask[0]
    for moved in (sharpened(mask, lab)[0, 0], guided(sharpened(mask, lab), lab[:, :1], radius_px=4)[0, 0]):
        assert float(moved[:, :28].min()) > 0.9 and float(moved[:, 34:].max()) < 0.2
        assert float(moved[:, 31:33].mean()) < 0.5, "it was 1 there"


def test_filters_leave_what_is_even() -> None:
    even, light = torch.full((1, 1, 17, 31), 0.3), torch.rand(1, 1, 17, 31, generator=generator())
    for filtered in (guided(even, light, radius_px=3), softened(even, 4), softened(even, 0)):
        torch.testing.assert_close(filtered, even)
