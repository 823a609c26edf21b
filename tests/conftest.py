"""Fixtures for all: the tiny network, clean data and cache folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tests.samples import tiny_weights

from impasto.vgg import Vgg

# One thread a test process: two processes then fill two cores, and tiny tensors gain nothing from more.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)


@pytest.fixture
def tiny_vgg() -> Vgg:
    return Vgg(tiny_weights(), pooling="average", dtype=torch.float64)


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's own data and cache folders."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("IMPASTO_DATA", str(folder))
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path_factory.mktemp("cache")))
    return folder
