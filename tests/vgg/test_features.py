"""The network's geometry, and its features against an independent computation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tests.samples import TINY, WIDE, tiny_weights

from impasto.errors import ImageTooSmall, UnknownName
from impasto.vgg import VGG16, VGG19, Architecture, Vgg, load


def test_torchvisions_indices_follow_from_the_table() -> None:
    assert VGG19.torch_indices == (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    assert VGG16.torch_indices == (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


@pytest.mark.parametrize(
    ("architecture", "layer", "padding_px"),
    [(VGG19, "conv4_2", 38), (VGG19, "conv5_1", 70), (VGG16, "conv4_2", 34), (VGG16, "conv5_1", 58)],
)
def test_the_border_reaches_as_far_as_the_padding_adds_up(architecture: Architecture, layer: str, padding_px: int) -> None:
    assert architecture.padding_px(layer) == padding_px


def test_a_pixel_further_in_than_the_padding_does_not_see_the_border(tiny_vgg: Vgg) -> None:
    margin = TINY.padding_px("conv3_2")
    side = 2 * margin + 16
    x = torch.rand(1, 3, side, side, dtype=torch.float64)
    wider = F.pad(x, (8, 8, 8, 8), value=0.7)
    inner = tiny_vgg.features(x, ["conv3_2"])["conv3_2"]
    outer = tiny_vgg.features(wider, ["conv3_2"])["conv3_2"][:, :, 2:-2, 2:-2]
    cells = -(-margin // 4)
    torch.testing.assert_close(inner[:, :, cells:-cells, cells:-cells], outer[:, :, cells:-cells, cells:-cells])


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [(40, 33), (35, 61)])
def test_features_equal_a_plain_computation(pooling: str, size: tuple[int, int]) -> None:
    weights = tiny_weights()
    vgg = Vgg(weights, pooling=pooling, dtype=torch.float64)  # type: ignore[arg-type]
    rgb = torch.rand(1, 3, *size, dtype=torch.float64)
    x = rgb.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64).view(1, 3, 1, 1)
    expected = {}
    block = "1"
    for conv in TINY.convs:
        if conv.name[4] != block:
            block = conv.name[4]
            x = F.max_pool2d(x, 2) if pooling == "max" else F.avg_pool2d(x, 2)
        x = F.relu(
            F.conv2d(x, weights.tensors[f"{conv.name}.weight"].double(), weights.tensors[f"{conv.name}.bias"].double(), padding=1)
        )
        expected[conv.name] = x
    found = vgg.features(rgb, TINY.layers)
    for layer in TINY.layers:
        torch.testing.assert_close(found[layer], expected[layer], rtol=1e-5, atol=1e-5)


def test_relu_and_conv_name_the_same_activation(tiny_vgg: Vgg) -> None:
    x = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    found = tiny_vgg.features(x, ["relu4_2", "conv4_2"])
    assert list(found) == ["relu4_2", "conv4_2"]
    assert found["relu4_2"] is found["conv4_2"]


def test_an_unknown_layer_is_named_with_its_neighbours(tiny_vgg: Vgg) -> None:
    with pytest.raises(UnknownName, match="did you mean conv4_2"):
        tiny_vgg.features(torch.rand(1, 3, 32, 32, dtype=torch.float64), ["conv4_22"])


@pytest.mark.parametrize("rgb", [torch.zeros(3, 32, 32), torch.zeros(1, 4, 32, 32), torch.zeros(1, 3, 32, 32, dtype=torch.uint8)])
def test_another_shape_or_dtype_is_refused(tiny_vgg: Vgg, rgb: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="expected a float tensor"):
        tiny_vgg.features(rgb, ["conv1_1"])


def test_a_picture_that_leaves_a_layer_empty_is_refused(tiny_vgg: Vgg) -> None:
    with pytest.raises(ImageTooSmall, match="16 px"):
        tiny_vgg.features(torch.zeros(1, 3, 15, 40), ["conv5_1"])


def test_gradients_of_features_pass_gradcheck(tiny_vgg: Vgg) -> None:
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda rgb: tiny_vgg.features(rgb, ["conv1_2", "conv2_1"])["conv2_1"], (x,))


def test_the_real_network_has_the_published_activations() -> None:
    side = torch.arange(64)
    channels = [(7 * side[:, None] + 13 * side[None, :] + 29 * c) % 256 for c in range(3)]
    rgb = torch.stack(channels)[None].float() / 255
    found = load("vgg19").features(rgb, ["conv1_1", "conv3_4", "conv4_2", "conv5_4"])
    for layer, mean, std, highest in [
        ("conv1_1", 31.85693, 49.72872, 359.4321),
        ("conv3_4", 1821.49780, 2353.42432, 16227.9873),
        ("conv4_2", 1082.47339, 2065.59839, 29859.9258),
        ("conv5_4", 4.27995, 19.71588, 398.5671),
    ]:
        values = found[layer]
        assert float(values.mean()) == pytest.approx(mean, rel=1e-3)
        assert float(values.std()) == pytest.approx(std, rel=1e-3)
        assert float(values.max()) == pytest.approx(highest, rel=1e-3)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("weights", [TINY, WIDE])
def test_what_is_shown_layer_by_layer_are_the_features(pooling, weights):  # type: ignore[no-untyped-def]
    vgg = Vgg(tiny_weights(weights), pooling=pooling)
    rgb, layers = torch.rand(1, 3, 41, 53), ["conv1_1", "relu2_2", "conv3_4", "conv4_2"]
    shown: dict[str, list[torch.Tensor]] = {}
    vgg.show(rgb, layers, lambda layer, rows, features: shown.setdefault(layer, []).append(features.clone()))
    expected = vgg.features(rgb, layers)
    assert list(shown) == ["conv1_1", "conv2_2", "conv3_4", "conv4_2"]
    for (layer, bands), features in zip(shown.items(), expected.values(), strict=True):
        together = torch.cat(bands, dim=2)
        assert together.shape == features.shape
        assert float((together - features).norm() / features.norm()) < 1e-5, layer
