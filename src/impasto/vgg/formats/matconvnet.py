"""MatConvNet imagenet-vgg-verydeep-N.mat: kernels [H, W, in, out] for RGB, 0..255, the mean beside them.

Two generations (beta16 divides them) order the fields of their structs differently.  Read by field name, they
are one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from impasto.errors import WeightsError
from impasto.vgg.formats.contents import Contents, Pair, assemble, from_hwio
from impasto.vgg.parameters import CONVENTIONS, Convention

_NAME = re.compile(r"conv\d_\d")


def read(path: Path) -> Contents:
    """The convolutions of a MatConvNet file; raises WeightsError when it is damaged or of another network."""
    import scipy.io

    try:
        file = scipy.io.loadmat(path, variable_names=["layers", "meta", "normalization"])
    except Exception as error:  # a damaged file raises anything, from zlib's errors to MemoryError
        raise WeightsError(f"{path} is a damaged .mat file ({type(error).__name__}); get it again", path=path) from None
    if "layers" not in file:
        raise WeightsError(f"{path} has no variable `layers`; give a network of MatConvNet", path=path)
    try:
        pairs = _pairs(file["layers"])
        convention = _convention(file)
    except (IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is not laid out as MatConvNet does it ({error}); give its original", path=path) from None
    architecture, tensors = assemble(path, pairs)
    return Contents(architecture, tensors, convention, f"MatConvNet {path.name}")


def _pairs(layers: Any) -> dict[str, Pair]:
    pairs: dict[str, Pair] = {}
    for cell in layers.reshape(-1):
        layer = cell[0, 0]
        name = str(layer["name"].reshape(-1)[0])
        if _NAME.fullmatch(name):
            kernel, bias = layer["weights"].reshape(-1)[:2]
            pairs[name] = Pair(from_hwio(torch.from_numpy(_plain(kernel))), torch.from_numpy(_plain(bias).reshape(-1)))
    return pairs


def _convention(file: dict[str, Any]) -> Convention:
    """RGB, 0..255, with the mean colour of the file: a picture of 224×224 in the old generation, one colour
    in the new.
    """
    if "meta" in file:
        normalization = file["meta"][0, 0]["normalization"]
    elif "normalization" in file:
        normalization = file["normalization"]
    else:
        return CONVENTIONS["matconvnet"]
    picture = np.asarray(normalization[0, 0]["averageImage"], dtype=np.float64)
    red, green, blue = (float(value) for value in picture.reshape(-1, 3).mean(axis=0))
    return Convention("RGB", 255.0, (red, green, blue), (1.0, 1.0, 1.0))


def _plain(array: Any) -> Any:
    """In memory of its own, in this machine's byte order: PyTorch takes nothing else."""
    return np.array(array, dtype=array.dtype.newbyteorder("="))
