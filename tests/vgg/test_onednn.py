"""The network where memory may not be made executable."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tests.samples import tiny_weights

from impasto.vgg import Vgg, onednn


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system that answers like one under systemd's MemoryDenyWriteExecute."""

    def refuse(*arguments: Any, **options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    before = torch.backends.mkldnn.enabled
    monkeypatch.setattr(mmap, "PROT_EXEC", 4, raising=False)
    monkeypatch.setattr(mmap, "MAP_PRIVATE", 2, raising=False)
    monkeypatch.setattr(mmap, "MAP_ANONYMOUS", 32, raising=False)
    monkeypatch.setattr(mmap, "PROT_READ", 1, raising=False)
    monkeypatch.setattr(mmap, "PROT_WRITE", 2, raising=False)
    monkeypatch.setattr(onednn.mmap, "mmap", refuse)
    onednn.may_execute_written_memory.cache_clear()
    yield
    onednn.may_execute_written_memory.cache_clear()
    torch.backends.mkldnn.enabled = before


def test_convolutions_that_are_compiled_as_they_are_needed_are_turned_off_there(refused: None) -> None:
    x = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = Vgg(tiny_weights(), dtype=torch.float64).features(x, ["conv2_1"])["conv2_1"]
    assert not torch.backends.mkldnn.enabled
    found = Vgg(tiny_weights()).features(x.float(), ["conv2_1"])["conv2_1"]
    assert torch.allclose(found.double(), expected, rtol=1e-3, atol=1e-3)
