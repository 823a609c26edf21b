"""1, 2 and 3 processes give the value, the gradient and the steps of one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluate.processes import ROOT, ended
from tests.evaluate.sharded_cases import COUNTS, EVALUATIONS_OF, SEARCHES, One, Results, compute

from impasto.evaluate.sharded import divide


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[Results]]:
    """What each process of each count found; 0 is one process without company."""
    folder = tmp_path_factory.mktemp("sharded")
    program = [sys.executable, "-m", "tests.evaluate.sharded_cases", str(folder)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    groups = subprocess.Popen(program, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True)
    alone = compute(One())
    ((code, _, err),) = ended([groups], within_s=100)
    assert code == 0, err
    found = {count: [torch.load(folder / f"{count}.{rank}") for rank in range(count)] for count in COUNTS}
    return {0: [alone], **found}


@pytest.mark.parametrize(("count", "key"), [(count, key) for count in COUNTS for key in (*EVALUATIONS_OF[count], "pixels only")])
def test_value_and_gradient_are_those_of_one(computed: dict[int, list[Results]], key: object, count: int) -> None:
    value, parts, gradient = computed[0][0][f"{key}"]
    first = computed[count][0][f"{key}"]
    assert first[0] == pytest.approx(value, rel=1e-10)
    assert first[1] == pytest.approx(parts, rel=1e-10)
    assert float((first[2] - gradient).norm() / gradient.norm()) < 1e-10
    assert all(other[f"{key}"][:2] == first[:2] for other in computed[count]), "all know the same numbers, to the last bit"


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("key", SEARCHES)
def test_the_picture_after_20_steps_of_lbfgs_is_that_of_one(computed: dict[int, list[Results]], key: object, count: int) -> None:
    losses, x = computed[0][0][f"{key}"]
    found_losses, found = computed[count][0][f"{key}"]
    assert found_losses == pytest.approx(losses, rel=1e-4)
    assert float((found - x).abs().max()) < 1e-4


@pytest.mark.parametrize("count", COUNTS)
def test_all_processes_know_of_a_gradient_that_is_not_finite_at_one(computed: dict[int, list[Results]], count: int) -> None:
    """And all take the first one's J."""
    assert [found["not finite"] for found in computed[count]] == [[(True, 1.0), (False, 1.0)]] * count


@given(
    height=st.integers(16, 400),
    shares=st.lists(st.floats(0, 10), min_size=1, max_size=20).filter(lambda shares: sum(shares) > 0),
    stride=st.sampled_from([1, 2, 8, 16]),
)
def test_bands_hold_each_row_once_and_begin_where_poolings_do(height: int, shares: list[float], stride: int) -> None:
    bands = divide((height, 10), shares, stride=stride).bands
    assert len(bands) == len(shares)
    assert [row for band in bands for row in range(band.start, band.stop)] == list(range(height))
    assert all(band.start == band.stop or (band.start % stride == 0 and band.stop - band.start >= stride) for band in bands)


def test_bands_are_as_unequal_as_their_shares() -> None:
    bands = divide((480, 10), [3, 2, 1], stride=16).bands
    assert [band.stop - band.start for band in bands] == [240, 160, 80]
