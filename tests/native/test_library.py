"""The compiled kernels are there, and each variant that this processor runs computes the same."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from impasto.losses import products
from impasto.native import binding, library
from impasto.vgg import winograd
from impasto.vgg.winograd import Winograd

CAPABILITY = torch.backends.cpu.get_cpu_capability().lower()
RUN = {"avx512": ("avx512", "avx2"), "avx2": ("avx2",)}.get(CAPABILITY, ("plain",))


def test_the_library_is_there_wherever_a_compiler_is() -> None:
    assert library() is not None or not any(map(shutil.which, ("cc", "gcc", "clang")))


@pytest.mark.skipif(library() is None, reason="no compiler at installation")
@pytest.mark.parametrize("name", RUN)
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


@pytest.mark.skipif(library() is None, reason="no compiler at installation")
def test_a_library_of_another_version_or_none_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert binding.opened(RUN[0]) is not None and binding.opened("of another planet") is None
    monkeypatch.setattr(binding, "VERSION", -1)
    assert binding.opened(RUN[0]) is None
