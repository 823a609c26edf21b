import pytest
import torch
from tests.samples import painting, photo, tiny_weights

import impasto
from impasto import presets
from impasto.errors import InvalidSettings
from impasto.evaluate import Whole
from impasto.images import read, resize
from impasto.objective import build
from impasto.run.api import network_for
from impasto.vgg import Vgg, precision

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
    with pytest.raises(InvalidSettings, match=r"use auto"):
        network(name)


def test_auto_takes_what_wins_the_trial(monkeypatch):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: True)
    for fast, slow in (("bfloat16", "float32"), ("float32", "bfloat16")):
        monkeypatch.setattr(precision, "_pass", lambda vgg, _, fast=fast: 1.0 if vgg.precision == fast else 2.0)
        assert network("auto").precision == fast != slow


def test_auto_is_float32_where_bfloat16_would_be_emulated(monkeypatch):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: False)
    assert network("auto").precision == "float32"


def test_a_moment_in_which_something_else_runs_does_not_choose_auto(monkeypatch):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: True)
    for slow in range(8):
        passes = iter([9.0, 9.0, *(30.0 if at in range(slow, slow + 4) else 1.0 + at % 2 for at in range(8))])
        monkeypatch.setattr(precision, "_pass", lambda *_, passes=passes: next(passes))
        assert network("auto").precision == "float32", slow


def test_the_trial_goes_forward_and_back_in_turns_and_takes_the_shortest_but_the_first(monkeypatch):
    clock = iter(time for took in (1.0, 9.0, 3.0, 4.0, 2.0, 5.0, 3.0, 7.0, 3.0, 6.0) for time in (0.0, took))
    vgg, backward = network("float32"), []
    original = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *given: backward.append(1) or original(*given))
    assert precision.seconds(vgg, vgg, clock=lambda: next(clock)) == [2.0, 4.0]
    assert len(backward) == 10


@pytest.mark.parametrize("name", PHOTOS)
def test_an_auto_run_ends_within_1_percent_of_float32(name, pytestconfig):
    """The final J, evaluated in float32, of two runs with the same steps; what auto is depends on the machine.

    Where it is float32, as on CPUs without bfloat16, there is little to compare.
    """
    iterations = 3 if network_for(presets.resolve({}), "auto").precision == "float32" else 40
    examples = pytestconfig.rootpath / "examples"
    content, style = examples / "photos" / f"{name}.jpg", examples / "styles" / "flow.jpg"
    losses = {}
    for chosen in ("float32", "auto"):
        result = impasto.stylize(content, style, precision=chosen, size=64, iterations=iterations, levels=1, margin=0)
        exact = network_for(result.settings, "float32")
        pictures = [resize(read(path).rgb[None], result.rgb.shape[1:]) for path in (content, style)]
        losses[chosen] = Whole(exact, build(result.settings, exact, pictures[0], [pictures[1]]))(result.rgb[None]).value
    assert losses["auto"] == pytest.approx(losses["float32"], rel=0.01)
