"""HEIF and AVIF (ISO/IEC 14496-12, 23008-12): the boxes `colr` of the primary picture, and its bits per channel.

Only the primary picture's properties count: thumbnails, depth and gain maps have their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from impasto.images.colors.containers.statements import Cicp, Statements

_VIDEO: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_SAMPLE_ENTRY_BYTES: Final = 78

Box = tuple[bytes, bytes]
"""A box's name and contents."""


def statements(data: bytes) -> Statements:
    """Return what a HEIF or AVIF file says of its primary picture."""
    icc: bytes | None = None
    cicp: Cicp | None = None
    for name, contents in _properties(data):
        if name != b"colr":
            continue
        if contents[:4] in {b"prof", b"rICC"} and icc is None:
            icc = contents[4:]
        elif contents[:4] == b"nclx" and len(contents) >= 8 and cicp is None:
            # The matrix and the range are the decoder's: it hands out RGB of full range.
            cicp = Cicp(int.from_bytes(contents[4:6], "big"), int.from_bytes(contents[6:8], "big"))
    return Statements(icc=icc, cicp=cicp)


def bits_per_channel(data: bytes) -> int | None:
    """Return the bits per channel of the primary picture, by the decoder's setup in AVIF, else by `pixi`; None without both."""
    properties = dict(reversed(_properties(data)))
    setup, stated = properties.get(b"av1C", b""), properties.get(b"pixi", b"")
    if len(setup) >= 4:
        high, twelve = setup[2] & 0x40, setup[2] & 0x20
        return (12 if twelve else 10) if high else 8
    return max(stated[5:], default=None)


def _properties(data: bytes) -> list[Box]:
    """The properties of the primary picture, then those of the picture that it is assembled from."""
    top = _boxes(data)
    meta = next((contents[4:] for name, contents in top if name == b"meta"), None)
    if meta is None:
        return _of_video(data)
    boxes = dict(reversed(list(_boxes(meta))))
    primary = boxes[b"pitm"]
    item = int.from_bytes(primary[4:] if primary[0] == 0 else primary[4:8], "big")
    inside = dict(reversed(list(_boxes(boxes[b"iprp"]))))
    stored = list(_boxes(inside[b"ipco"]))
    by_item = _associations(inside[b"ipma"])
    part = _first_part(boxes.get(b"iref", b""), item)
    indices = [*by_item.get(item, []), *by_item.get(part, [])]
    return [stored[index - 1] for index in indices if 0 < index <= len(stored)]


def _boxes(data: bytes) -> Iterator[Box]:
    at = 0
    while at + 8 <= len(data):
        size, name, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = len(data) if size == 0 else at + size
        if end < at + header:
            return
        # A box of pixels is long, and never looked into.
        yield name, b"" if name == b"mdat" else data[at + header : end]
        at = end


def _associations(contents: bytes) -> dict[int, list[int]]:
    """Property indices, from 1, per item: the box `ipma`."""
    id_bytes = 2 if contents[0] < 1 else 4
    index_bytes = 2 if contents[3] & 1 else 1
    found: dict[int, list[int]] = {}
    at = 8
    for _ in range(int.from_bytes(contents[4:8], "big")):
        if at >= len(contents):
            break
        item, count = int.from_bytes(contents[at : at + id_bytes], "big"), contents[at + id_bytes]
        at += id_bytes + 1
        # The highest bit says that the property is essential.
        mask = 2 ** (8 * index_bytes - 1) - 1
        indices = [
            int.from_bytes(contents[at + i * index_bytes : at + (i + 1) * index_bytes], "big") & mask for i in range(count)
        ]
        found.setdefault(item, []).extend(indices)
        at += count * index_bytes
    return found


def _first_part(references: bytes, item: int) -> int:
    """The first picture that `item` is derived from, as a grid from its tiles: the reference `dimg` in the box `iref`.

    0, which is no picture's number, without one.
    """
    id_bytes = 4 if references[:1] == b"\1" else 2
    for name, contents in _boxes(references[4:]):
        origin, part = contents[:id_bytes], contents[id_bytes + 2 : 2 * id_bytes + 2]
        if name == b"dimg" and int.from_bytes(origin, "big") == item:
            return int.from_bytes(part, "big")
    return 0


def _of_video(data: bytes) -> list[Box]:
    """The properties of the first track's pictures, for a sequence without a primary picture."""
    for wanted in _VIDEO:
        data = next((contents for name, contents in _boxes(data) if name == wanted), b"")
    described = next((contents for name, contents in _boxes(data) if name == b"stsd"), b"")
    entry = next((contents for _, contents in _boxes(described[8:])), b"")
    return list(_boxes(entry[_SAMPLE_ENTRY_BYTES:]))
