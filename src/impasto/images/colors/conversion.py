"""Pixels of a colour space that is given by numbers → sRGB: codes → light → sRGB's primaries → codes.

Pixels are converted a few rows at a time, so the conversion needs memory for those only, besides its result.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from impasto.images.colors import hdr
from impasto.images.colors.color_space import ColorSpace
from impasto.images.colors.primaries import BT709
from impasto.images.colors.transfer import Powers, Tables, Transfer, channel_to_linear, is_hdr, to_linear, to_srgb

_PIXELS: Final = 2**17
"""Few enough for the processor's caches; with more it is not faster."""


def by_formula(pixels: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Return pixels sRGB-encoded, of the same type; colours outside sRGB's gamut are clipped in linear light.

    Args:
        pixels: [H, W, C], C = 1 or 3; uint8, uint16 or float32 in 0..1.
        space: Its ICC profile is not looked at; for PQ and HLG its peak is known.
    """
    if pixels.shape[2] == 1 and _differs_by_channel(space.transfer):
        pixels = np.repeat(pixels, 3, axis=-1)
    srgb = np.empty(pixels.shape, pixels.dtype)
    for rows in row_groups(*pixels.shape[:2]):
        light = _within_srgb(_light(pixels[rows], space), space)
        srgb[rows] = of_type(to_srgb(light), pixels.dtype)
    return srgb


def measured_peak(pixels: np.ndarray, space: ColorSpace) -> float:
    """Return how bright the highlights of a picture in PQ or HLG are, 1 = reference white.

    Args:
        pixels: The whole picture, uint8, uint16 or float32 in 0..1, of any shape.
        space: The picture's, with the transfer function PQ or HLG.
    """
    if not is_hdr(space.transfer):
        raise ValueError(f"expected PQ or HLG, got {space.transfer}")
    top = 255 if pixels.dtype == np.uint8 else 65535
    counts = np.zeros(top + 1, np.int64)
    for rows in row_groups(len(pixels), max(1, pixels.size // len(pixels))):
        codes = _full(unit(pixels[rows]), space, pixels.dtype)
        counts += np.bincount((codes.ravel() * top + 0.5).astype(np.int64), minlength=top + 1)
    return hdr.peak(space.transfer, counts)


def row_groups(height: int, width: int) -> Iterator[slice]:
    """Yield the rows 0..height from top to bottom, at least one row and about 2^17 pixels at a time."""
    rows = max(1, _PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def unit(pixels: np.ndarray) -> np.ndarray:
    """Return uint8, uint16 or float32 pixels as float32 in 0..1."""
    if pixels.dtype == np.float32:
        return pixels
    scaled: np.ndarray = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return scaled


def of_type(codes: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return codes in 0..1 as uint8, uint16 or float32."""
    return codes.astype(np.float32) if dtype == np.float32 else (codes * np.iinfo(dtype).max + 0.5).astype(dtype)


def _differs_by_channel(transfer: Transfer | None) -> bool:
    if isinstance(transfer, Powers):
        return not transfer.red == transfer.green == transfer.blue
    return isinstance(transfer, Tables) and len(transfer.levels) == 3


def _light(pixels: np.ndarray, space: ColorSpace) -> np.ndarray:
    """[..., C] float32: 1 is white, for HLG the brightest light of the scene."""
    if pixels.dtype == np.float32:
        channels = [_of_codes(pixels[..., channel], space, channel, pixels.dtype) for channel in range(pixels.shape[2])]
    else:
        channels = [_table(space, channel, pixels.dtype)[pixels[..., channel]] for channel in range(pixels.shape[2])]
    return np.stack(channels, axis=-1)


@functools.lru_cache(maxsize=6)
def _table(space: ColorSpace, channel: int, dtype: np.dtype[Any]) -> np.ndarray:
    """The light of every code that a whole number can be."""
    top = np.iinfo(dtype).max
    return _of_codes(np.arange(top + 1) / top, space, channel, dtype)


def _of_codes(codes: np.ndarray, space: ColorSpace, channel: int, dtype: np.dtype[Any]) -> np.ndarray:
    codes = _full(codes.astype(np.float64), space, dtype)
    match space.transfer:
        case "pq" | "hlg":
            light = hdr.code_to_light(space.transfer, codes)
        case Powers() | Tables():
            light = channel_to_linear(space.transfer, channel, codes)
        case None:
            light = to_linear("srgb", codes)
        case _:
            light = to_linear(space.transfer, codes)
    return light.astype(np.float32)


def _full(codes: np.ndarray, space: ColorSpace, dtype: np.dtype[Any]) -> np.ndarray:
    """Codes in 0..1 of full range: ITU-T H.273, 8.3, has black at 16 and white at 235 of 8 bits, shifted for 16."""
    if space.full_range:
        return codes
    scale = 65535 / 256 if dtype == np.uint16 else 255
    return ((codes * scale - 16) / 219).clip(0, 1)


def _within_srgb(light: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Light in the space's primaries → linear sRGB in 0..1."""
    primaries = space.primaries if space.primaries is not None else BT709
    gray = light.shape[-1] == 1
    if space.transfer == "hlg":
        light = hdr.shown(light, np.ones(1) if gray else primaries.luminances())
    if is_hdr(space.transfer):
        light = hdr.within_white(light, space.peak if space.peak is not None else 1.0)
    if not gray and space.primaries is not None:
        light = light @ space.primaries.to_linear_srgb().T.astype(np.float32)
    return light.clip(0, 1)
