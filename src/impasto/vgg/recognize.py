"""Which input a file with bare numbers expects: by its hash, by its numbers, by its name, in this order of
trust.
"""

from __future__ import annotations

from pathlib import Path

from impasto.errors import UnknownName, WeightsError
from impasto.vgg.embedded import oxford_channels
from impasto.vgg.formats import Contents
from impasto.vgg.parameters import CONVENTIONS, Convention

# PyTorch's custom: a file's name carries the first eight hex digits of its sha256.
KNOWN = {
    "dcbb9e9d": "torchvision",  # vgg19-dcbb9e9d.pth
    "397923af": "torchvision",  # vgg16-397923af.pth
    "d01eb7cb": "caffe",  # vgg19-d01eb7cb.pth
    "00b39a1b": "caffe",  # vgg16-00b39a1b.pth
}


def convention_named(name: str) -> Convention:
    """A convention by its name; raises UnknownName."""
    if name not in CONVENTIONS:
        raise UnknownName("convention", name, CONVENTIONS)
    return CONVENTIONS[name]


def convention_of(path: Path, contents: Contents, *, sha256: str) -> Convention:
    """The convention of a file whose format does not tell; raises WeightsError, with the option to give, when
    nothing tells.
    """
    if sha256[:8] in KNOWN:
        return CONVENTIONS[KNOWN[sha256[:8]]]
    channels = oxford_channels(contents.architecture, contents.tensors)
    if channels is not None:
        return CONVENTIONS["caffe" if channels == "BGR" else "matconvnet"]
    name = path.name.lower()
    signs = {**KNOWN, "torchvision": "torchvision", "caffe": "caffe"}
    said = {convention for sign, convention in signs.items() if sign in name}
    if len(said) == 1:
        return CONVENTIONS[said.pop()]
    raise WeightsError(
        f"{path} does not tell what input it was trained for; say it with --convention torchvision "
        f"(RGB, 0..1, mean and std) or --convention caffe (BGR, 0..255)",
        path=path,
    )
