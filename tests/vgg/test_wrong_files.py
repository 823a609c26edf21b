"""Every wrong file gives one line that says what is wrong with it, and nothing in a file is ever run."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from impasto.errors import WeightsError
from impasto.vgg import formats, weights
from impasto.vgg.architecture import VGG16, VGG19


def fails(path: Path, words: str) -> None:
    with pytest.raises(WeightsError, match=words) as caught:
        weights.load(path, convention="caffe")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.pth"


def test_missing_empty_and_folder(path: Path, tmp_path: Path) -> None:
    fails(path, "there is no weights file")
    path.touch()
    fails(path, "is empty")
    fails(tmp_path, "is a folder")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>404</html>", "is text"),
        (b"version https://git-lfs", "is text"),
        (b"\x00\x01\x02\x03" * 99, "of no known form"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64", "-v7"),
        (b"MATLAB 5.0 MAT-file" + b" " * 300, "damaged .mat"),
        (b"PK\x03\x04" + b"\0" * 100, "truncated or damaged"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "damaged HDF5"),
        (b"\x10\0\0\0\0\0\0\0{}", "damaged safetensors"),
        (b"\x80\x02\x8a\nl\xfc\x9cF", "damaged"),
    ],
)
def test_other_and_damaged_content(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    fails(path, words)


def test_archives_that_are_not_pytorchs(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"")
    fails(path, "unzip it")
    np.savez(path.with_suffix(".npz"), a=np.zeros(2))
    fails(path.with_suffix(".npz"), "archive without PyTorch weights")


class Malice:
    """A pickle that makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["zip", "legacy", "plain"])
def test_a_pickle_that_runs_code_is_refused_and_not_run(path: Path, tmp_path: Path, form: str) -> None:
    trap = tmp_path / "trap"
    state = {"features.0.weight": Malice(trap)}
    if form == "plain":
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    fails(path, "pickles can run code")
    assert not trap.exists()


def test_what_is_no_state_dict(path: Path) -> None:
    torch.save([torch.zeros(2)], path)
    fails(path, "holds a list")
    torch.save({"fc.weight": torch.zeros(2)}, path)
    fails(path, "no VGG convolutions .its keys: fc.weight.")
    torch.save({}, path)
    fails(path, "its keys: none")


def test_a_missing_layer_or_bias_is_named(path: Path, write: SimpleNamespace) -> None:
    whole = write.torch_state(write.placeholder(VGG19))
    torch.save({key: value for key, value in whole.items() if not key.startswith("features.21.")}, path)
    fails(path, "lacks conv4_2 of vgg19")
    torch.save({key: value for key, value in whole.items() if key != "features.34.bias"}, path)
    fails(path, "lacks conv5_4.bias")


def test_another_network_is_refused(path: Path, write: SimpleNamespace) -> None:
    state = write.torch_state(write.placeholder())
    torch.save({**state, "features.1.running_mean": torch.zeros(64)}, path)
    fails(path, "batch normalisation")
    torch.save({**state, "features.30.weight": torch.zeros(2), "features.30.bias": torch.zeros(2)}, path)
    fails(path, "features.30")
    torch.save({f"features.{i}.{kind}": torch.zeros(2) for i in (0, 3, 6) for kind in ("weight", "bias")}, path)
    fails(path, "lacks conv1_2")


@pytest.mark.parametrize("key", ["conv1_1.weight", "conv5_3.bias"])
def test_wrong_shapes_and_types_are_named(path: Path, write: SimpleNamespace, key: str) -> None:
    tensors = write.placeholder()
    write.pth(path, {**tensors, key: torch.zeros(5, 4)})
    fails(path, f"{key} should have the shape .* but has 5×4")
    write.pth(path, {**tensors, key: torch.zeros(tensors[key].shape, dtype=torch.int8)})
    fails(path, f"{key} should hold floating-point numbers but holds torch.int8")


def test_keras_files_of_other_networks(path: Path, write: SimpleNamespace) -> None:
    tensors = write.placeholder()
    write.keras3(path, {key: value for key, value in tensors.items() if not key.startswith("conv5_3")})
    fails(path, "holds 12 convolutions, but vgg19 has 16, vgg16 has 13")
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(3)
    fails(path, "holds 0 convolutions")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"block1_conv1"]
    fails(path, "damaged HDF5")


def test_mat_files_of_other_things(path: Path) -> None:
    scipy.io.savemat(path, {"x": np.zeros(3)}, appendmat=False)
    fails(path, "no variable `layers`")
    scipy.io.savemat(path, {"layers": np.zeros((2, 2))}, appendmat=False)
    fails(path, "not laid out as MatConvNet")


@pytest.mark.parametrize("writer", ["pth", "legacy", "keras", "keras3"])
def test_a_file_cut_anywhere_is_refused(path: Path, write: SimpleNamespace, writer: str) -> None:
    tensors = write.placeholder(VGG16)
    match writer:
        case "legacy":
            write.pth(path, tensors, form="legacy")
        case "keras":
            write.keras(path, tensors, naming="new")
        case _:
            getattr(write, writer)(path, tensors)
    whole = path.read_bytes()
    for part in (1, 9, 40, len(whole) // 3, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:part])
        with pytest.raises(WeightsError):
            weights.load(path, convention="caffe")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=some.sampled_from([b"", b"\x80\x02", b"PK\x03\x04", b"MATLAB 5.0", b"\x89HDF\r\n\x1a\n", b"\x08" + b"\0" * 7 + b"{"]),
    rest=some.binary(min_size=1, max_size=200),
)
def test_no_bytes_give_anything_but_a_weights_error(path: Path, head: bytes, rest: bytes) -> None:
    path.write_bytes(head + rest)
    with pytest.raises(WeightsError):
        formats.read(path)
