"""Fixtures for all tests: the tiny network, and folders that stand in for the user's own."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from tests.samples import tiny_weights

from impasto.vgg import Vgg

# One thread per test process unless told otherwise: two processes fill two cores, and tiny tensors gain nothing from more.
if "OMP_NUM_THREADS" not in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)

# A busy or slow machine is no fault, and examples of the last run are not kept: they would lie in the checkout.
hypothesis.settings.register_profile(
    "any machine", deadline=None, database=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

# Shells start background commands with SIGINT ignored, nohup with SIGHUP, and what these start would ignore them too.  A handler
# does for this process what it asked for, and is none for the processes that tests start.
for _name in {"SIGINT", "SIGHUP"} & set(dir(signal)):
    if signal.getsignal(getattr(signal, _name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, _name), lambda *_: None)

FOLDERS = {
    "HOME": "home",
    "IMPASTO_DATA": "data",
    "IMPASTO_CACHE": "cache",
    "MPLCONFIGDIR": "matplotlib",
    "HYPOTHESIS_STORAGE_DIRECTORY": "hypothesis",
}
"""Environment variables that name a folder of the user, and the name of the folder that stands in for it."""


@pytest.fixture
def tiny_vgg() -> Vgg:
    return Vgg(tiny_weights(), pooling="average", dtype=torch.float64)


@pytest.fixture(scope="session", autouse=True)
def user_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test, and no fixture of a whole module, reads or writes what the user keeps at home."""
    folder = tmp_path_factory.mktemp("user")
    (folder / FOLDERS["HOME"]).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for variable, name in FOLDERS.items():
            patch.setenv(variable, str(folder / name))
        yield folder


_number = itertools.count()


@pytest.fixture(autouse=True)
def own_data_folder(user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test finds what another one imported or measured."""
    folder = user_folder / f"test-{next(_number)}"
    for variable in ("IMPASTO_DATA", "IMPASTO_CACHE"):
        (folder / FOLDERS[variable]).mkdir(parents=True)
        monkeypatch.setenv(variable, str(folder / FOLDERS[variable]))
    return folder
