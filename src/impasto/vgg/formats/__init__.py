"""Weights files of all known forms, recognised by what is in them, never by their suffix."""

from __future__ import annotations

import zipfile
from pathlib import Path

from impasto.errors import WeightsError
from impasto.vgg.formats import keras, matconvnet, safetensors
from impasto.vgg.formats import torch as torch_file
from impasto.vgg.formats.contents import Contents

__all__ = ["Contents", "read"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_KNOWN = "PyTorch .pth, MatConvNet .mat, Keras .h5 and .safetensors"


def read(path: Path) -> Contents:
    """What a weights file holds.

    Raises WeightsError, in one line, when the path is missing, a folder, empty, of no known form, damaged, or
    of another network.
    """
    head = _head(path)
    if head.startswith(_HDF5):
        return keras.read(path)
    if head.startswith(b"MATLAB 5.0"):
        return matconvnet.read(path)
    if head.startswith(b"MATLAB 7.3"):
        raise WeightsError(f"{path} is a MATLAB 7.3 file; save it in MATLAB again with the option -v7", path=path)
    if head.startswith(b"PK"):
        _check_zip(path)
        return torch_file.read(path, form="zip")
    if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"} and head[8:9] != b"{":
        return torch_file.read(path, form="pickle")
    if head[8:9] == b"{":
        return safetensors.read(path)
    what = "text, perhaps a web page saved in its place" if _is_text(head) else "of no known form"
    raise WeightsError(f"{path} is {what}; weights are read from {_KNOWN} files", path=path)


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise WeightsError(f"{path} is a folder; give a weights file", path=path)
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {path}; check the path", path=path) from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}", path=path) from None
    if not head:
        raise WeightsError(f"{path} is empty; get the file again", path=path)
    return head


def _check_zip(path: Path) -> None:
    """Raises WeightsError for archives that are not PyTorch's, before PyTorch fails on them in many lines."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        raise WeightsError(f"{path} is truncated or damaged; get the file again", path=path) from None
    if "model.weights.h5" in names:
        raise WeightsError(f"{path} is a Keras archive; unzip it and give the model.weights.h5 in it", path=path)
    if not any(name.endswith("data.pkl") for name in names):
        raise WeightsError(f"{path} is an archive without PyTorch weights; weights are read from {_KNOWN} files", path=path)


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
