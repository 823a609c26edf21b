"""The compiled kernels are there, each variant that this processor runs computes the same, and one can be chosen."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from impasto.errors import InvalidSettings
from impasto.losses import products
from impasto.native import binding, library
from impasto.vgg import winograd
from impasto.vgg.winograd import Winograd

HERE = tuple(name for name in binding.runnable() if binding.opened(name) is not None)
"""The variants that were compiled and that this processor runs; none where PyTorch was told of fewer instructions."""


@pytest.fixture
def fresh_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The choice is made again within the test, and once more after it."""
    library.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    library.cache_clear()


def test_the_library_is_there_wherever_a_compiler_is() -> None:
    names = ("avx512", "avx2") if platform.machine().lower() in {"x86_64", "amd64"} else ("plain",)
    compiled = [name for name in names if Path(binding.__file__).with_name(f"_native_{name}.so").exists()]
    assert compiled == list(names) or not any(map(shutil.which, ("cc", "gcc", "clang")))


def test_without_a_choice_the_first_variant_that_the_processor_runs_is_taken(fresh_library: pytest.MonkeyPatch) -> None:
    fresh_library.delenv(binding.KERNELS_VARIABLE, raising=False)
    found = library()
    assert (None if found is None else found.name) == next(iter(HERE), None)


@pytest.mark.parametrize("name", [*HERE, binding.NO_KERNELS])
def test_the_variable_chooses_the_variant(name: str, fresh_library: pytest.MonkeyPatch) -> None:
    fresh_library.setenv(binding.KERNELS_VARIABLE, name)
    found = library()
    assert (binding.NO_KERNELS if found is None else found.name) == name


def test_a_variant_that_is_not_here_is_an_error_that_names_those_that_are(fresh_library: pytest.MonkeyPatch) -> None:
    fresh_library.setenv(binding.KERNELS_VARIABLE, "sse9")
    with pytest.raises(InvalidSettings, match=rf"IMPASTO_KERNELS is 'sse9', .* has {', '.join([*HERE, 'none'])};"):
        library()


def test_instructions_that_pytorch_does_not_use_are_not_ours_either(fresh_library: pytest.MonkeyPatch) -> None:
    fresh_library.delenv(binding.KERNELS_VARIABLE, raising=False)
    fresh_library.setattr("torch.backends.cpu.get_cpu_capability", lambda: "AVX2")
    assert binding.runnable() == ("avx2",)
    fresh_library.setattr("torch.backends.cpu.get_cpu_capability", lambda: "DEFAULT")
    assert binding.runnable() == ("plain",)


@pytest.mark.skipif(not HERE, reason="no variant that this processor runs was compiled")
@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (19, 21), (33, 64)])
def test_each_variant_computes_what_pytorch_does(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    found = binding.opened(name)
    assert found is not None
    for room in (products, winograd):
        monkeypatch.setattr(room, "library", lambda: found)
        monkeypatch.setattr(room, "here", lambda: found)
    generator = torch.Generator().manual_seed(0)
    given: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    features = torch.randn(1, 64, *size, **given)
    matrix, kernel, bias = torch.randn(64, 64, **given), torch.randn(96, 64, 3, 3, **given) / 24, torch.randn(96, **given)
    matrix = matrix + matrix.T
    ours = features.float().contiguous(memory_format=torch.channels_last)
    outer = torch.einsum("bchw,bdhw->bcd", features, features)
    torch.testing.assert_close(products.outer_sum(ours).double(), outer, rtol=1e-5, atol=1e-3)
    moved = torch.einsum("cd,bdhw->bchw", matrix, features)
    torch.testing.assert_close(products.at_each_position(matrix.float()[None], ours).double(), moved, rtol=1e-5, atol=1e-4)
    convolved = F.relu(F.conv2d(features, kernel, bias, padding=1))
    torch.testing.assert_close(Winograd(kernel.float(), bias.float())(ours, pool=False).double(), convolved, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not HERE, reason="no variant that this processor runs was compiled")
def test_a_library_of_another_version_or_none_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert binding.opened(HERE[0]) is not None and binding.opened("of another planet") is None
    monkeypatch.setattr(binding, "VERSION", -1)
    assert binding.opened(HERE[0]) is None
