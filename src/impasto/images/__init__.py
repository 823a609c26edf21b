"""Files ↔ pictures: the only room that knows Pillow, profiles, and 8 or 16 bits."""

from impasto.files import READABLE
from impasto.images.embed import read_manifest
from impasto.images.picture import Picture
from impasto.images.read import read
from impasto.images.resize import fit, resize
from impasto.images.write import FORMATS, check_target, encode, to_pil, write

__all__ = [
    "FORMATS",
    "READABLE",
    "Picture",
    "check_target",
    "encode",
    "fit",
    "read",
    "read_manifest",
    "resize",
    "to_pil",
    "write",
]
