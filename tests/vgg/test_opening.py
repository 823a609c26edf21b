"""The first block in bands of rows is the first block."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.native import library
from impasto.vgg import opening
from impasto.vgg.opening import Opening
from impasto.vgg.winograd import Winograd

pytestmark = pytest.mark.skipif(library() is None, reason="no compiler at installation")
SIZES = [(2, 2), (2, 9), (7, 3), (19, 21), (21, 50)]


@pytest.fixture(autouse=True)
def narrow_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_rows_of_band", lambda width: 4)


def kernels(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(32, 3, 3, 3, generator=generator) / 5, torch.randn(32, 32, 3, 3, generator=generator) / 17
    return first, torch.randn(32, generator=generator), second, torch.randn(32, generator=generator)


def block(seed: int = 0) -> Opening:
    first, bias, second, second_bias = kernels(seed)
    return Opening(first, bias, Winograd(second, second_bias))


def reference(x: Tensor) -> tuple[Tensor, Tensor]:
    first, bias, second, second_bias = (tensor.double() for tensor in kernels())
    features = F.relu(F.conv2d(x.double(), first, bias, padding=1))
    return features, F.max_pool2d(F.relu(F.conv2d(features, second, second_bias, padding=1)), 2)


def picture(height: int, width: int) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(2))


def forward(x: Tensor) -> tuple[Tensor, Tensor]:
    bands: list[Tensor] = []
    pooled, _ = block().forward(x, lambda rows, features: bands.append(features.clone()))
    return torch.cat(bands, dim=2), pooled


@pytest.mark.parametrize("size", SIZES)
def test_its_bands_and_output_are_those_of_the_convolutions(size: tuple[int, int]) -> None:
    x = picture(*size)
    for found, expected in zip(forward(x), reference(x), strict=True):
        torch.testing.assert_close(found, expected.float(), rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize("size", SIZES)
def test_its_gradient_is_that_of_both_outputs_together(size: tuple[int, int]) -> None:
    x = picture(*size)
    leaf = x.double().requires_grad_()
    features, pooled = reference(leaf)
    above, below = (torch.randn(one.shape, generator=torch.Generator().manual_seed(3)) for one in (pooled, features))
    (expected,) = torch.autograd.grad([pooled, features], leaf, [above.double(), below.double()])
    ours = block()
    _, marks = ours.forward(x, lambda rows, features: None)

    def add(rows: slice, _: Tensor, into: Tensor) -> None:
        into.add_(below[:, :, rows])

    gradient = ours.backward(x, above, marks=marks, pull=add)
    torch.testing.assert_close(gradient, expected.float(), rtol=1e-4, atol=1e-4)


def test_the_way_back_shows_the_features_of_the_way_there() -> None:
    x = picture(21, 50)
    there, again = [], []
    ours = block()
    pooled, marks = ours.forward(x, lambda rows, features: there.append((rows, features.clone())))
    ours.backward(x, pooled, marks=marks, pull=lambda rows, features, into: again.append((rows, features.clone())))
    assert all(a == b and torch.equal(f, g) for (a, f), (b, g) in zip(there, again, strict=True))


def test_bands_and_threads_do_not_change_a_bit_of_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    x = picture(37, 50)
    narrow = forward(x)
    torch.set_num_threads(3)
    try:
        threaded = forward(x)
        monkeypatch.setattr(opening, "_rows_of_band", lambda width: 40)
        whole = forward(x)
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(narrow, threaded, whole, strict=True))


def test_threads_do_not_change_a_bit_of_the_gradient() -> None:
    x = picture(37, 50)
    ours = block()
    pooled, marks = ours.forward(x, lambda rows, features: None)
    alone = ours.backward(x, pooled, marks=marks, pull=lambda rows, features, into: None)
    torch.set_num_threads(3)
    try:
        assert torch.equal(ours.backward(x, pooled, marks=marks, pull=lambda rows, features, into: None), alone)
    finally:
        torch.set_num_threads(1)


def test_the_caller_s_defaults_do_not_matter() -> None:
    x, (first, bias, second, second_bias) = picture(19, 21), kernels()

    def both() -> tuple[Tensor, Tensor]:
        made = Opening(first, bias, Winograd(second, second_bias))
        pooled, marks = made.forward(x, lambda rows, features: None)
        return pooled, made.backward(x, pooled, marks=marks, pull=lambda rows, features, into: None)

    expected = both()
    torch.set_default_dtype(torch.float64)
    try:
        found = both()
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(a, b) and a.dtype == torch.float32 for a, b in zip(found, expected, strict=True))


def test_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 2"):
        block().forward(torch.zeros(2, 3, 8, 8), lambda rows, features: None)


def test_what_is_no_number_stays_visible() -> None:
    x = picture(19, 21)
    x[0, 1, 9, 9] = float("nan")
    bands, pooled = forward(x)
    assert bands[0, :, 8:11, 8:11].isnan().all()
    assert pooled[0, :, 4, 4].isnan().all()
