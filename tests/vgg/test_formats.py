"""Every format gives the same network: the genuine numbers, in the genuine layout, with the right input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from impasto.vgg import weights
from impasto.vgg.architecture import VGG16, VGG19
from impasto.vgg.formats.safetensors import canonical_bytes
from impasto.vgg.weights import CONVENTIONS, Weights

# label: (writer, channel order in the file)
FORMATS: dict[str, tuple[Callable[..., None], str]] = {
    "torch zip, Caffe": (lambda w, path, t: w.pth(path, t), "BGR"),
    "torch legacy, Caffe": (lambda w, path, t: w.pth(path, t, form="legacy"), "BGR"),
    "MatConvNet old": (lambda w, path, t: w.matconvnet(path, t, generation="old"), "RGB"),
    "MatConvNet new": (lambda w, path, t: w.matconvnet(path, t, generation="new"), "RGB"),
    "Keras old": (lambda w, path, t: w.keras(path, t, naming="old"), "BGR"),
    "Keras new": (lambda w, path, t: w.keras(path, t, naming="new"), "BGR"),
    "Keras nested": (lambda w, path, t: w.keras(path, t, naming="nested"), "BGR"),
    "Keras 3": (lambda w, path, t: w.keras3(path, t), "BGR"),
    "safetensors": (lambda w, path, t: w.st(path, t), "BGR"),
}

# Equal numbers have equal features; one of each family is still computed, as a user's file would be.
CHECKED_BY_FEATURES = ("torch zip, Caffe", "MatConvNet old", "MatConvNet new", "Keras 3", "safetensors")


@pytest.mark.parametrize("label", FORMATS)
def test_a_format_gives_the_genuine_numbers_and_input(label: str, file: Path, write: SimpleNamespace, genuine: Weights) -> None:
    writer, channels = FORMATS[label]
    tensors = genuine.tensors if channels == "BGR" else write.turned(genuine.tensors)
    writer(write, file, tensors)

    found = weights.load(file)

    assert found.architecture == VGG19
    assert found.convention.channels == channels
    assert found.convention.range == 255
    expected = CONVENTIONS["caffe" if channels == "BGR" else "matconvnet"]
    assert found.convention.mean == pytest.approx(expected.mean, abs=1e-4)
    assert found.convention.std == expected.std
    assert found.sha256 == weights.file_sha256(file)
    assert list(found.tensors) == list(genuine.tensors)
    for key, tensor in found.tensors.items():
        assert tensor.dtype == torch.float32
        assert tensor.is_contiguous()
        assert torch.equal(tensor, tensors[key]), key
    if label in CHECKED_BY_FEATURES:
        assert weights.verify(found)[-1].name == "check values"


def test_kernels_have_height_and_width_in_their_places(genuine: Weights) -> None:
    """The first values of the MatConvNet file, which are [H, W, in, out] for RGB; ours are [out, in, H, W]
    for BGR.
    """
    first = genuine.tensors["conv1_1.weight"][0]
    assert first[:, 0, 0].flip(0).tolist() == pytest.approx([0.39416704, 0.46418372, 0.34119523], rel=5e-4)
    assert float(first[2, 0, 1]) == pytest.approx(0.37740308, rel=5e-4)
    assert float(first[2, 1, 0]) == pytest.approx(0.2671299, rel=5e-4)


def test_the_embedded_file_is_what_the_canonical_writer_writes(genuine: Weights) -> None:
    from impasto.vgg.embedded import embedded_file

    with embedded_file("vgg19") as path:
        assert canonical_bytes(genuine, dtype=torch.float16) == path.read_bytes()


def test_vgg16_is_told_apart_from_vgg19(tmp_path: Path, write: SimpleNamespace) -> None:
    path = tmp_path / "a"
    for writer in (write.pth, write.keras3):
        for architecture in (VGG16, VGG19):
            writer(path, write.placeholder(architecture))
            assert weights.load(path, convention="caffe").architecture == architecture


@pytest.mark.parametrize("rename", ["module.{}", "model.{}", "{}"])
def test_prefixes_of_keys_do_not_matter(tmp_path: Path, write: SimpleNamespace, rename: str) -> None:
    state = {rename.format(key): value for key, value in write.torch_state(write.placeholder()).items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "a")
    assert weights.load(tmp_path / "a", convention="torchvision").architecture == VGG16


def test_the_state_of_features_alone_and_layers_by_name_are_read(tmp_path: Path, write: SimpleNamespace) -> None:
    state = write.torch_state(write.placeholder())
    bare = {key.removeprefix("features."): value for key, value in state.items() if "features" in key}
    torch.save(bare, tmp_path / "a")
    torch.save(write.placeholder(), tmp_path / "b")
    for name in ("a", "b"):
        assert weights.load(tmp_path / name, convention="caffe").architecture == VGG16


def test_half_precision_is_read_as_float32(tmp_path: Path, write: SimpleNamespace) -> None:
    torch.save({key: value.half() for key, value in write.placeholder().items()}, tmp_path / "a")
    found = weights.load(tmp_path / "a", convention="caffe")
    assert found.tensors["conv1_1.weight"].dtype == torch.float32
