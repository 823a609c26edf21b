import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from impasto.native import library
from impasto.vgg import Vgg, load, winograd
from impasto.vgg.winograd import Winograd

needs_library = pytest.mark.skipif(library() is None, reason="no compiler at installation")
SIZES = [(1, 1), (2, 5), (4, 4), (5, 9), (13, 17), (24, 31)]


def example(height, width, *, channels_in=32, channels_out=64, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(channels_out, channels_in, 3, 3, generator=generator) / (3 * channels_in**0.5)
    bias = torch.randn(channels_out, generator=generator)
    x = torch.randn(batch, channels_in, height, width, generator=generator)
    return kernel, bias, x


def reference(kernel, bias, x, *, pool):
    y = F.relu(F.conv2d(x.double(), kernel.double(), bias.double(), padding=1))
    return F.max_pool2d(y, 2) if pool else y


@needs_library
@pytest.mark.parametrize(("size", "pool"), [*((size, False) for size in SIZES), *((size, True) for size in SIZES[1:])])
@pytest.mark.parametrize("channels", [(32, 64), (64, 32), (320, 32)])
def test_equals_convolution_relu_and_pooling(size, channels, pool):
    kernel, bias, x = example(*size, channels_in=channels[0], channels_out=channels[1])
    torch.testing.assert_close(
        Winograd(kernel, bias)(x, pool=pool), reference(kernel, bias, x, pool=pool).float(), rtol=1e-4, atol=5e-5
    )


@needs_library
@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("pool", [False, True])
def test_the_gradient_is_that_of_convolution_relu_and_pooling(size, pool):
    kernel, bias, x = example(*size)
    x.requires_grad_()
    y = Winograd(kernel, bias)(x, pool=pool)
    upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad(y, x, upstream)
    (expected,) = torch.autograd.grad(reference(kernel, bias, x, pool=pool), x, upstream.double())
    torch.testing.assert_close(gradient, expected.float(), rtol=1e-4, atol=1e-4)


@needs_library
def test_pictures_of_a_batch_do_not_mix():
    kernel, bias, x = example(9, 11, batch=3)
    conv = Winograd(kernel, bias)
    together = conv(x, pool=False)
    assert all(torch.equal(together[i], conv(x[i : i + 1], pool=False)[0]) for i in range(3))


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@needs_library
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("side", "channels"), [(37, 64), (9, 256)])  # many blocks, and two that five threads share by channels
def test_any_number_of_threads_gives_the_same_bits(threads, pool, side, channels):
    kernel, bias, x = example(side, 41, channels_in=64, channels_out=channels)
    conv, results = Winograd(kernel, bias), []
    x.requires_grad_()
    for number in (1, 2, 5):
        threads(number)
        y = conv(x, pool=pool)
        results.append((y, *torch.autograd.grad(y.square().sum(), x)))
    for other in results[1:]:
        assert torch.equal(results[0][0], other[0])
        assert torch.equal(results[0][1], other[1])


@needs_library
def test_several_callers_at_once_do_not_disturb_each_other(threads):
    threads(3)
    kernel, bias, x = example(33, 29, batch=1)
    conv = Winograd(kernel, bias)
    inputs = [x * factor for factor in (1.0, 2.0, 3.0, 4.0)]
    alone = [conv(one, pool=False) for one in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: conv(one, pool=False), inputs * 8))
    assert all(torch.equal(alone[i % 4], result) for i, result in enumerate(together))


@needs_library
@pytest.mark.parametrize("pool", [False, True])
def test_what_is_not_a_number_stays_so(pool):
    kernel, bias, x = example(8, 8)
    for row, column in [(0, 0), (3, 4), (4, 4), (7, 7)]:
        broken = x.clone()
        broken[0, 3, row, column] = float("nan")
        assert Winograd(kernel, bias)(broken, pool=pool).isnan().any()


@needs_library
def test_numbers_of_another_kind_are_refused():
    kernel, bias, x = example(8, 8)
    with pytest.raises(TypeError, match="expected float32"):
        Winograd(kernel, bias)(x.bfloat16(), pool=False)


@needs_library
def test_the_callers_default_dtype_changes_nothing():
    kernel, bias, x = example(9, 8)
    expected = Winograd(kernel, bias)(x, pool=False)
    torch.set_default_dtype(torch.float64)
    try:
        found = Winograd(kernel, bias)(x, pool=False)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, expected)


@needs_library
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_convolves_too(threads):
    threads(3)
    kernel, bias, x = example(16, 16)
    conv = Winograd(kernel, bias)
    expected = conv(x, pool=False)
    child = os.fork()
    if child == 0:
        os._exit(0 if torch.equal(conv(x, pool=False), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_library
def test_channels_that_do_not_fill_the_registers_are_left_to_pytorch():
    assert winograd.fits(64, 128)
    assert not winograd.fits(3, 64)
    assert not winograd.fits(64, 4096)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_vgg_has_the_features_and_gradients_of_pytorchs_convolutions(monkeypatch, pooling):
    weights = load("vgg19").weights
    layers = ["conv1_1", "conv2_2", "conv3_4", "conv5_1"]

    def measured():
        rgb = torch.rand(1, 3, 50, 70, generator=torch.Generator().manual_seed(0)).requires_grad_()
        features = Vgg(weights, pooling=pooling).features(rgb, layers)
        sum(value.square().mean() for value in features.values()).backward()
        return features, rgb.grad

    ours, gradient = measured()
    monkeypatch.setattr(winograd, "fits", lambda *_: False)
    theirs, expected = measured()
    for layer in layers:
        assert (ours[layer] - theirs[layer]).norm() < 1e-5 * theirs[layer].norm()
    assert (gradient - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 8, 32, 64])
@pytest.mark.parametrize("tiles", [1, 5, 12, 40, 48, 176, 220, 225, 5000])
@pytest.mark.parametrize("channels", [(32, 32), (64, 128), (128, 64), (128, 128), (512, 512)])
@pytest.mark.parametrize("unit", [6, 12])
def test_every_thread_has_work_where_there_is_enough(threads, tiles, channels, unit):
    block, parts, busy = winograd._shares(tiles, *channels, threads, unit)
    assert block % unit == 0 and 1 <= parts <= max(1, channels[1] // 64)
    assert busy == min(threads, -(-tiles // unit) * max(1, channels[1] // 64))
