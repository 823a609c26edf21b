"""Completeness of a JPEG: are all its pixels there?

Decoders fill what is missing with gray and say nothing.  But where pixels are missing, bytes that are put before the end
marker are taken for pixels and change the picture; where all are there, such bytes are passed over.
"""

from __future__ import annotations

import io
import math
import re
from typing import Final

import numpy as np
from PIL import Image, ImageChops

from impasto.images.colors.containers.jpeg import END_OF_IMAGE, START_OF_SCAN, Frame, Segment, segments

END: Final = bytes([0xFF, END_OF_IMAGE])

_HUFFMAN: Final = {"baseline", "sequential", "progressive"}
"""Kinds whose scans are read to their last bit; arithmetic coding leaves zeros at the end out."""

_RESTART: Final = re.compile(rb"\xff[\xd0-\xd7]")
_RESTART_INTERVAL: Final = 0xDD
_BLOCK_PX: Final = 8
_DETAIL_PX: Final = 2
"""A progressive picture is compared at half its size, since its last scan holds details; others at an eighth."""


def lacks_pixels(image: Image.Image, data: bytes, frame: Frame) -> bool:
    """Return whether pixels are missing from a JPEG that its decoder took for whole.

    A picture of one scan whose last pixel is not middle gray is complete, and costs nothing here; a hole shorter than what
    lies between two restarts is not found.

    Args:
        image: The picture, which is decoded here if it was not.
        data: Its JPEG.
        frame: Its header.
    """
    image.load()  # an error of the decoder goes before what is looked for here
    found = list(segments(data))
    scan = next((segment for segment in found if segment.marker == START_OF_SCAN), None)
    if frame.kind not in _HUFFMAN or scan is None:
        return False
    if found[-1].marker != END_OF_IMAGE:
        return not is_whole_without_end(data + END, frame)
    one_scan = frame.kind != "progressive" and data[scan.start + 4] == len(frame.components)
    if one_scan:
        if _lacks_restarts(data, found, scan, frame):
            return True
        corner = image.crop((image.width - 1, image.height - 1, image.width, image.height))
        if np.abs(np.asarray(corner) - 128.0).max() > 1:
            return False
    body = data[: found[-1].start].rstrip(b"\xff")
    return _can_be_continued(body, scale=_BLOCK_PX if one_scan else _DETAIL_PX, attempts=1)


def lacks_wide_pixels(samples: np.ndarray, data: bytes, frame: Frame) -> bool:
    """Return whether pixels are missing from a JPEG of more than 8 bits that has an end marker.

    Args:
        samples: The decoded picture, [H, W] or [H, W, C], numbers up to 2^bits - 1.
        data: Its JPEG, which ends with the end marker.
        frame: Its header.
    """
    import imagecodecs

    middle = 1 << (frame.bits - 1)
    if frame.kind not in _HUFFMAN or (samples[-1, -1] != middle).any():
        return False
    return not np.array_equal(samples, imagecodecs.jpeg_decode(data.removesuffix(END) + _noise(0) + END))


def is_whole_without_end(ended: bytes, frame: Frame) -> bool:
    """Return whether a JPEG that came without its end marker, and got one, has all its pixels.

    A progressive picture must have every bit of each coefficient, too: it could end after any of its scans.
    """
    body = ended.removesuffix(END)
    # Zeros behind the pixels may be padding, or may stand for pixels that never arrived: then there are rarely just enough.
    without = body.rstrip(b"\0")
    without += b"\0" if without.endswith(b"\xff") else b""
    padding = len(body) - len(without)
    if not _every_coefficient(ended, frame) or _can_be_continued(body):
        return False
    return padding == 0 or not _can_be_continued(without) or _can_be_continued(without + bytes(padding // 2))


def _lacks_restarts(data: bytes, found: list[Segment], scan: Segment, frame: Frame) -> bool:
    """True where a picture's only scan has fewer restart markers than its size asks for: a piece of it is missing."""
    intervals = [data[start + 4 : end] for marker, start, end in found if marker == _RESTART_INTERVAL and start < scan.start]
    interval = int.from_bytes(intervals[-1][:2], "big") if intervals else 0
    if interval == 0:
        return False
    across, down = max(sampling >> 4 for sampling in frame.samplings), max(sampling & 15 for sampling in frame.samplings)
    if len(frame.components) == 1:
        across = down = 1  # a single component is coded block by block
    units = math.ceil(frame.width / (_BLOCK_PX * max(1, across))) * math.ceil(frame.height / (_BLOCK_PX * max(1, down)))
    return len(_RESTART.findall(data, scan.start, scan.end)) < math.ceil(units / interval) - 1


def _can_be_continued(body: bytes, *, scale: int = 1, attempts: int = 3) -> bool:
    """True where bytes behind a JPEG without its end marker change the picture, looked at in 1/scale of its size."""
    plain = _decoded(body + END, scale)
    for seed in range(attempts):
        if ImageChops.difference(plain, _decoded(body + _noise(seed) + END, scale)).getbbox(alpha_only=False) is not None:
            return True
    return False


def _noise(seed: int) -> bytes:
    """Bytes without FF, which is the beginning of a marker."""
    return np.random.default_rng(seed).integers(0, 255, 256, dtype=np.uint8).tobytes()


def _decoded(data: bytes, scale: int) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
        return image.convert(image.mode)


def _every_coefficient(data: bytes, frame: Frame) -> bool:
    """True where scans for all components are there, and in a progressive picture for all 64 coefficients to the last bit."""
    progressive = frame.kind.startswith("progressive")
    missing = {(component, at) for component in frame.components for at in (range(64) if progressive else range(1))}
    for marker, start, end in segments(data):
        if marker != START_OF_SCAN or end < start + 8:
            continue
        count = data[start + 4]
        head = data[start + 5 : start + 5 + 2 * count + 3]
        if len(head) < 2 * count + 3:
            continue
        first, last, bits = head[2 * count :]
        if bits & 15 == 0:
            ats = range(first, last + 1) if progressive else range(1)
            missing -= {(component, at) for component in head[: 2 * count : 2] for at in ats}
    return not missing
