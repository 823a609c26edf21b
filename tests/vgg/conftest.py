"""Writers of each weights format, from the genuine numbers or from placeholders that take no room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import safetensors.torch
import scipy.io
import torch
from torch import Tensor

from impasto.vgg import weights
from impasto.vgg.architecture import VGG16, VGG19, Architecture
from impasto.vgg.weights import Weights

Tensors = dict[str, Tensor]


@pytest.fixture(scope="session")
def genuine() -> Weights:
    return weights.load("vgg19")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A place for a large file, which does not outlive its test."""
    path = tmp_path / "weights"
    yield path
    path.unlink(missing_ok=True)


def placeholder(architecture: Architecture = VGG16) -> Tensors:
    """The right shapes, one number a tensor, stored once; each layer averages, so activations live."""
    tensors: Tensors = {}
    for conv in architecture.convs:
        kernel = torch.tensor(1 / (9 * conv.channels_in))
        tensors[f"{conv.name}.weight"] = kernel.expand(conv.channels_out, conv.channels_in, 3, 3)
        tensors[f"{conv.name}.bias"] = torch.tensor(0.1).expand(conv.channels_out)
    return tensors


def turned(tensors: Tensors) -> Tensors:
    """The same network for the other channel order."""
    return {**tensors, "conv1_1.weight": tensors["conv1_1.weight"].flip(1)}


def torch_state(tensors: Tensors) -> Tensors:
    """Torchvision's keys, a classifier included."""
    architecture = VGG19 if "conv3_4.weight" in tensors else VGG16
    state = {"classifier.0.weight": torch.zeros(7, 5), "classifier.0.bias": torch.zeros(7)}
    for index, layer in zip(architecture.torch_indices, architecture.layers, strict=True):
        for kind in ("weight", "bias"):
            if f"{layer}.{kind}" in tensors:
                state[f"features.{index}.{kind}"] = tensors[f"{layer}.{kind}"]
    return state


def pth(path: Path, tensors: Tensors, *, form: str = "zip") -> None:
    torch.save(torch_state(tensors), path, _use_new_zipfile_serialization=form == "zip")


def st(path: Path, tensors: Tensors) -> None:
    state = {key: value.contiguous() for key, value in torch_state(tensors).items()}
    safetensors.torch.save_file(state, path, metadata={"format": "pt"})


def hwio(kernel: Tensor) -> np.ndarray:
    return kernel.permute(2, 3, 1, 0).numpy()


def layers_of(tensors: Tensors) -> list[str]:
    return list(dict.fromkeys(key.split(".")[0] for key in tensors))


def keras_attributes(path: Path, tensors: Tensors, *, naming: str) -> None:
    """`old`: Keras 1, `new`: Keras 2, `nested`: new under model_weights, with top."""
    with h5py.File(path, "w") as root:
        group = root.create_group("model_weights") if naming == "nested" else root
        layers = layers_of(tensors)
        blocks = [layer.replace("conv", "block", 1).replace("_", "_conv") for layer in layers]
        group.attrs["layer_names"] = [name.encode() for name in ["input_2", *blocks, "fc1"]]
        group.create_group("input_2").attrs["weight_names"] = np.zeros(0)
        top = group.create_group("fc1")
        top.attrs["weight_names"] = [b"fc1/kernel:0", b"fc1/bias:0"]
        top["fc1/kernel:0"], top["fc1/bias:0"] = np.zeros((4, 2)), np.zeros(2)
        for layer, block in zip(layers, blocks, strict=True):
            kinds = ("{}_W_1:0", "{}_b_1:0") if naming == "old" else ("{}/kernel:0", "{}/bias:0")
            names = [kind.format(block) for kind in kinds]
            inner = group.create_group(block)
            inner.attrs["weight_names"] = [name.encode() for name in names]
            _dataset(inner, names[0], tensors[f"{layer}.weight"])
            _dataset(inner, names[1], tensors[f"{layer}.bias"])


def keras3(path: Path, tensors: Tensors) -> None:
    with h5py.File(path, "w") as root:
        for at, layer in enumerate(layers_of(tensors)):
            group = root.create_group(f"layers/conv2d{f'_{at}' if at else ''}/vars")
            _dataset(group, "0", tensors[f"{layer}.weight"])
            _dataset(group, "1", tensors[f"{layer}.bias"])
        _dataset(root.create_group("layers/dense/vars"), "0", torch.zeros(4, 2))
        _dataset(root["layers/dense/vars"], "1", torch.zeros(2))


def _dataset(group: h5py.Group, name: str, tensor: Tensor) -> None:
    array = hwio(tensor) if tensor.ndim == 4 else tensor.numpy()
    if 0 in tensor.stride():  # a placeholder: HDF5 stores the fill value only
        group.create_dataset(name, array.shape, "f4", fillvalue=array.flat[0])
    else:
        group[name] = array


def matconvnet(path: Path, tensors: Tensors, *, generation: str) -> None:
    """The structs of `imagenet-vgg-verydeep-19.mat` in their nesting, fields in the order of the generation."""
    cells = []
    for layer in layers_of(tensors):
        kernel, bias = hwio(tensors[f"{layer}.weight"]), tensors[f"{layer}.bias"].numpy()
        pair = np.empty((1, 2), dtype=object)
        pair[0, 0], pair[0, 1] = kernel, bias.reshape(1, -1) if generation == "old" else bias.reshape(-1, 1)
        one, size = np.ones((1, 2)), np.array([kernel.shape], dtype=float)
        old = {"weights": pair, "pad": one, "type": "conv", "name": layer, "stride": one}
        new = {"name": layer, "type": "conv", "weights": pair, "size": size, "pad": one, "stride": one}
        cells += [old if generation == "old" else {**new, "precious": 0.0, "dilate": 1.0, "opts": 0.0}]
        relu = {"type": "relu", "name": layer.replace("conv", "relu")}
        cells += [relu if generation == "old" else dict(reversed(relu.items()))]
    top = np.empty((1, 2), dtype=object)
    top[0, 0], top[0, 1] = np.zeros((7, 7, 2, 3)), np.zeros((1, 3))
    cells += [{"weights": top, "pad": np.ones((1, 2)), "type": "conv", "name": "fc6", "stride": np.ones((1, 2))}]
    layers = np.empty((1, len(cells)), dtype=object)
    layers[0, :] = cells
    mean = np.array([123.68, 116.779, 103.939]).reshape(1, 1, 3)
    classes = {"name": "n01440764", "description": "tench"}
    if generation == "old":
        normalization = {
            "averageImage": np.tile(mean, (224, 224, 1)),
            "keepAspect": 1.0,
            "border": np.ones((1, 2)),
        }
        scipy.io.savemat(path, {"layers": layers, "classes": classes, "normalization": normalization}, appendmat=False)
    else:
        normalization = {"imageSize": np.full((1, 4), 224.0), "keepAspect": 1.0, "averageImage": mean}
        meta = {"inputs": {"name": "data"}, "classes": classes, "normalization": normalization}
        scipy.io.savemat(path, {"layers": layers, "meta": meta}, appendmat=False)


@pytest.fixture(scope="session")
def write() -> SimpleNamespace:
    """All writers, and what they write."""
    return SimpleNamespace(
        placeholder=placeholder,
        turned=turned,
        torch_state=torch_state,
        pth=pth,
        st=st,
        keras=keras_attributes,
        keras3=keras3,
        matconvnet=matconvnet,
    )
