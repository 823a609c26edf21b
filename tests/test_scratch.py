"""Vectors on disk hold what vectors in memory would."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.errors import OutputError
from impasto.optimize import Lbfgs, Spectrum, Vectors, vectors
from impasto.scratch import Scratch

LIKE = torch.zeros(1)


def test_nothing_is_lost_by_resting(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    values = torch.rand(100_000)
    vector = scratch.empty(100_000, LIKE)
    vector.copy_(values)
    for part in (vector, vector[10:20], vector[50_000:]):
        scratch.rest(part)
        assert torch.equal(vector, values)


def test_resting_leaves_memory_that_is_not_ours_alone(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    kept, other = scratch.empty(1000, LIKE), torch.ones(4_000_000)
    scratch.rest(other)
    assert bool((other == 1).all())
    place = kept.data_ptr()
    del kept
    gc.collect()
    assert place not in scratch._mapped


def test_files_have_no_name(tmp_path: Path) -> None:
    vector = Scratch(tmp_path).empty(1000, LIKE)
    assert list(tmp_path.iterdir()) == []
    assert float(vector.sum()) == 0


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"2\.0 GB for work in progress .*No space left.*--memory"):
        Scratch(tmp_path).empty(500_000_000, LIKE)


def test_addresses_that_run_out_are_memory_and_no_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr("mmap.mmap", refuse)
    with pytest.raises(MemoryError):
        Scratch(tmp_path).empty(1000, LIKE)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP])
def test_a_file_system_that_reserves_no_room_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    vector = Scratch(tmp_path).empty(300_000, LIKE)
    vector.fill_(2)
    assert float(vector.sum()) == 600_000


@pytest.mark.parametrize("piece", [1 << 22, 7])
def test_lbfgs_on_disk_makes_the_steps_that_it_makes_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(vectors, "_PIECE", piece)
    target = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    steps: list[list[torch.Tensor]] = []
    for store in (None, Scratch(tmp_path)):
        optimizer = Lbfgs(history=4, metric=Spectrum(0.5), vectors=Vectors(store=store))
        points = [torch.zeros_like(target)]
        for at in range(12):
            if at == 8:
                points.append(optimizer.retreat())
            x = points[-1]
            points.append(optimizer.step(x, (x - target) ** 3 + (x - target)))
        steps.append(points)
    for expected, found in zip(*steps, strict=True):
        assert torch.equal(expected, found)
