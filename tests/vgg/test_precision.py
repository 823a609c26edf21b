import time

import pytest
import torch
from tests.samples import WIDE, painting, photo, tiny_weights

import impasto
from impasto import presets
from impasto.errors import InvalidSettings
from impasto.evaluate import Whole
from impasto.images import read, resize
from impasto.objective import build
from impasto.run.api import network_for
from impasto.vgg import Vgg, bfloat16, precision

CPU = torch.device("cpu")
PHOTOS = ("cat", "temple", "portrait")
EXACT = {"bfloat16": 0.02, "float16": 0.003}


def network(name, weights=None):
    return precision.network(tiny_weights() if weights is None else weights, name, pooling="max", device=CPU)


def evaluated(vgg, *, size=(40, 56), settings=None):
    content, style = (resize(read(make(*size)).rgb[None], size) for make in (photo, painting))
    settings = settings or presets.resolve({})
    return Whole(vgg, build(settings, vgg, content, [style]))(0.5 * content + 0.25)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize("preset", ["impasto", "gatys2015", "neural-style"])
def test_half_the_bits_give_nearly_the_same_value_and_gradient(name, preset):
    settings = presets.resolve({"preset": preset})
    exact = evaluated(Vgg(tiny_weights()), settings=settings)
    rounded = evaluated(Vgg(tiny_weights(), dtype=precision.DTYPES[name]), settings=settings)
    assert rounded.value == pytest.approx(exact.value, rel=EXACT[name])
    cosine = torch.cosine_similarity(rounded.gradient.flatten(), exact.gradient.flatten(), dim=0)
    assert cosine > 0.98
    assert rounded.gradient.norm() / exact.gradient.norm() == pytest.approx(1, rel=0.05)


def test_the_picture_the_loss_and_the_gradient_stay_in_float32():
    vgg = network("bfloat16")
    assert vgg.dtype == torch.bfloat16
    assert vgg.features(torch.rand(1, 3, 32, 32), ["conv5_1"])["conv5_1"].dtype == torch.float32
    assert evaluated(vgg).gradient.dtype == torch.float32


def test_float16_neither_overflows_nor_vanishes_where_float32_does_not():
    weights = tiny_weights()
    for name, tensor in weights.tensors.items():
        if name.startswith("conv1_1"):
            tensor.mul_(400)  # activations beyond 65,504 / 16, gradients far below 6e-8
    settings = presets.resolve({"normalize": "targets", "content_weight": 1e-6, "style_weight": 1e-6, "strength": 0.5})
    exact = evaluated(Vgg(weights), settings=settings)
    rounded = evaluated(Vgg(weights, dtype=torch.float16), settings=settings)
    assert rounded.gradient.isfinite().all()
    assert torch.cosine_similarity(rounded.gradient.flatten(), exact.gradient.flatten(), dim=0) > 0.98


@pytest.mark.parametrize("name", ["tf32", "float16"])
def test_a_precision_that_the_device_lacks_is_refused_in_one_line(name):
    with pytest.raises(InvalidSettings, match=r"use --precision auto"):
        network(name)


@pytest.mark.parametrize(("tiles", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_auto_on_a_cpu_is_bfloat16_where_whole_tiles_of_it_are_multiplied(tiles, chosen, monkeypatch):
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    monkeypatch.setattr(bfloat16, "on_tiles", lambda: tiles)
    assert network("auto").precision == chosen


def test_auto_asks_no_clock(monkeypatch):
    """Whatever else runs in the process or beside it, the same machine chooses the same."""
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    for clock in ("perf_counter", "process_time", "thread_time", "monotonic"):
        monkeypatch.setattr(time, clock, lambda: pytest.fail("a clock was read"))
    assert network("auto").precision == network("auto").precision


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_environment_says_what_auto_is_and_only_that(name, monkeypatch):
    monkeypatch.setenv("IMPASTO_PRECISION", name)
    assert network("auto").precision == name
    assert network("float32").precision == "float32"


@pytest.mark.parametrize("wrong", ["float64", "BF16", "tf32"])
def test_a_wrong_precision_in_the_environment_is_named_with_its_variable(wrong, monkeypatch):
    monkeypatch.setenv("IMPASTO_PRECISION", wrong)
    with pytest.raises(InvalidSettings, match="IMPASTO_PRECISION") as told:
        network("auto")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("limit", ["AVX2", "avx512_core"])
def test_a_limited_onednn_has_no_bfloat16(limit, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert not bfloat16.in_hardware(CPU)


@pytest.mark.parametrize("weights", [tiny_weights(), tiny_weights(WIDE)], ids=["PyTorch's convolutions", "our convolutions"])
def test_imitated_bfloat16_is_near_the_real_one(weights, monkeypatch):
    monkeypatch.setattr(bfloat16, "in_hardware", lambda device: True)
    real = evaluated(Vgg(weights, dtype=torch.bfloat16))
    monkeypatch.setattr(bfloat16, "in_hardware", lambda device: False)
    vgg = Vgg(weights, dtype=torch.bfloat16)
    imitated, exact = evaluated(vgg), evaluated(Vgg(weights))
    assert vgg.imitates and "imitated" in vgg.arithmetic
    assert imitated.value == pytest.approx(real.value, rel=EXACT["bfloat16"])
    assert imitated.value != exact.value
    assert torch.cosine_similarity(imitated.gradient.flatten(), real.gradient.flatten(), dim=0) > 0.98


def test_imitated_features_are_numbers_of_bfloat16(monkeypatch):
    monkeypatch.setattr(bfloat16, "in_hardware", lambda device: False)
    found = Vgg(tiny_weights(WIDE), dtype=torch.bfloat16).features(torch.rand(1, 3, 32, 32), ["conv1_1", "conv2_2"])
    for features in found.values():
        assert torch.equal(features, features.bfloat16().float())


def test_imitated_bfloat16_multiplies_no_bfloat16(monkeypatch):
    """What makes it slow where there are no instructions for it."""
    monkeypatch.setattr(bfloat16, "in_hardware", lambda device: False)
    vgg = Vgg(tiny_weights(), dtype=torch.bfloat16)
    multiplied, original = [], torch.nn.functional.conv2d
    monkeypatch.setattr(
        torch.nn.functional,
        "conv2d",
        lambda x, kernel, *more, **named: multiplied.append((x.dtype, kernel.dtype)) or original(x, kernel, *more, **named),
    )
    vgg.features(torch.rand(1, 3, 32, 32), ["conv5_1"])
    assert set(multiplied) == {(torch.float32, torch.float32)}


def test_passes_go_forward_and_back_in_turns_and_the_shortest_but_the_first_counts(monkeypatch):
    clock = iter(time for took in (1.0, 9.0, 3.0, 4.0, 2.0, 5.0, 3.0, 7.0, 3.0, 6.0) for time in (0.0, took))
    vgg, backward = network("float32"), []
    original = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *given: backward.append(1) or original(*given))
    assert precision.seconds(vgg, vgg, clock=lambda: next(clock)) == [2.0, 4.0]
    assert len(backward) == 10


def test_auto_runs_end_as_near_the_style_as_those_in_float32(pytestconfig):
    """The final J, evaluated in float32, of two runs with the same steps; what auto is depends on the machine.

    Rounding of any kind leads a run to another end after some steps: single ones lie up to 2 % above or below.
    """
    iterations = 2 if network_for(presets.resolve({}), "auto").precision == "float32" else 10  # then there is little to compare
    examples, ratios = pytestconfig.rootpath / "examples", []
    for name in PHOTOS:
        content, style = examples / "photos" / f"{name}.jpg", examples / "styles" / "flow.jpg"
        losses = {}
        for chosen in ("float32", "auto"):
            result = impasto.stylize(content, style, precision=chosen, size=64, iterations=iterations, levels=1, margin=0)
            exact = network_for(result.settings, "float32")
            pictures = [resize(read(path).rgb[None], result.rgb.shape[1:]) for path in (content, style)]
            losses[chosen] = Whole(exact, build(result.settings, exact, pictures[0], [pictures[1]]))(result.rgb[None]).value
        ratios.append(losses["auto"] / losses["float32"])
    assert max(ratios) < 1.05
    assert sum(ratios) / len(ratios) < 1.015
