"""A network's file tells which network it is before it is loaded, so that a layer it has not is refused at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from impasto.batch.rows import Row, check_settings
from impasto.errors import UnknownName, WeightsError
from impasto.network_file import architecture_of, check_network
from impasto.presets import resolve
from impasto.vgg.architecture import VGG16, VGG19, Architecture

BOTH = [VGG19, VGG16]


def state(architecture: Architecture, *, names: str) -> dict[str, torch.Tensor]:
    """A state dict with the right keys and hardly any numbers."""
    keys = {
        "torchvision": [f"features.{index}" for index in architecture.torch_indices] + ["classifier.0", "classifier.6"],
        "bare": [str(index) for index in architecture.torch_indices],
        "named": list(architecture.layers),
    }[names]
    return {f"{key}.{part}": torch.zeros(1) for key in keys for part in ("weight", "bias")}


@pytest.mark.parametrize("architecture", BOTH, ids=lambda one: one.name)
@pytest.mark.parametrize("names", ["torchvision", "bare", "named"])
@pytest.mark.parametrize("form", ["safetensors", "zip", "pickle"])
def test_a_file_tells_its_network(tmp_path: Path, architecture: Architecture, names: str, form: str) -> None:
    file, tensors = tmp_path / "weights", state(architecture, names=names)
    if form == "safetensors":
        save_file(tensors, file)
    else:
        torch.save(tensors, file, _use_new_zipfile_serialization=form == "zip")
    assert architecture_of(file) == architecture.name


@pytest.mark.parametrize("data", [b"", b"text", b"\x89HDF\r\n\x1a\n", b"PK\3\4", b"\x80\2", b"\xff" * 8 + b"{", bytes(8) + b"{}"])
def test_what_does_not_tell_is_left_to_the_worker(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "weights").write_bytes(data)
    assert architecture_of(tmp_path / "weights") is None
    check_network(resolve({"network": str(tmp_path / "weights"), "style_layers": "conv5_4"}), missing_is_wrong=True)


def settings(**values: Any) -> Any:
    return resolve({"style_layers": "conv3_4", **values})


def test_a_layer_that_a_file_has_not_is_refused_before_anything_is_queued(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_file(state(VGG16, names="named"), file)
    with pytest.raises(UnknownName, match=r"no layer of vgg16, which the network .*mine\.safetensors is, 'conv3_4'"):
        check_settings([Row("a.png", ("b.png",), "a")], {"network": str(file), "style_layers": "conv3_4"})
    check_network(settings(network=str(file), style_layers="conv3_3"), missing_is_wrong=True)


def test_an_imported_network_is_known_by_what_its_file_says(own_data_folder: Path) -> None:
    folder = own_data_folder / "data" / "weights"
    folder.mkdir()
    header = json.dumps({"__metadata__": {"architecture": "vgg16"}}).encode()
    (folder / "mine.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(UnknownName, match="layer of vgg16"):
        check_network(settings(network="mine"), missing_is_wrong=False)


def test_a_network_that_is_not_here_is_refused_unless_the_workers_are_elsewhere() -> None:
    for network, kind in (("vgg-19", UnknownName), ("nets/mine.pth", WeightsError)):
        with pytest.raises(kind, match="there is no"):
            check_network(settings(network=network), missing_is_wrong=True)
        check_network(settings(network=network), missing_is_wrong=False)
    check_network(settings(), missing_is_wrong=True)


def test_it_is_told_without_pytorch() -> None:
    code = "import sys, impasto.network_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
