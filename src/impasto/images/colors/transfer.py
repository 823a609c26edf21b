"""Transfer functions: codes of 0..1 ↔ linear light, where 1 is white.

    sRGB       IEC 61966-2-1              C = E'/12.92 below 0.04045, else ((E' + 0.055) / 1.055)^2.4
    BT.709     ITU-R BT.709-6             C = E'/4.5 below 4.5 β, else ((E' + α - 1) / α)^(1/0.45)
    SMPTE 240M ITU-T H.273, table 3       the same with 4 for 4.5, and its own α and β
    log        ITU-T H.273, table 3       C = 10^(2 (E' - 1)), or 2.5 for 2
    SMPTE 428  ITU-T H.273, table 3       C = 52.37 / 48 E'^2.6
    PQ, HLG    ITU-R BT.2100-2            see `hdr`: these say how bright white is

The camera's curves are inverted as they are written; what a display makes of them (BT.1886) is a choice of the viewing room.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeGuard

import numpy as np

Curve = Literal["srgb", "bt709", "smpte240", "log100", "log316", "smpte428"]
HdrCurve = Literal["pq", "hlg"]


@dataclass(frozen=True)
class Powers:
    """Linear light is the code to a power, one for each of red, green and blue."""

    red: float
    green: float
    blue: float

    def is_sound(self) -> bool:
        """Return whether these are powers that any picture has: zero, NaN and 1000 are not."""
        return all(math.isfinite(power) and 0.1 <= power <= 10 for power in (self.red, self.green, self.blue))


@dataclass(frozen=True, eq=False)
class Tables:
    """Linear light of 0..65535 per code, one array of uint16 for all channels or three."""

    levels: tuple[np.ndarray, ...]

    def is_sound(self) -> bool:
        """Return whether each table rises from nearly no light to nearly all."""
        return all(
            (np.diff(table.astype(np.int32)) >= 0).all() and table[0] < 6554 and table[-1] > 58981 for table in self.levels
        )

    def is_near(self, curve: Curve) -> bool:
        """Return whether no table is further from a curve than 1 % of white."""
        codes = np.linspace(0, 1, len(self.levels[0]))
        return all(np.abs(table / 65535 - to_linear(curve, codes)).max() <= 0.01 for table in self.levels)


Transfer = Curve | HdrCurve | Powers | Tables


def is_hdr(transfer: Transfer | None) -> TypeGuard[HdrCurve]:
    """Return whether codes can be brighter than white."""
    return isinstance(transfer, str) and transfer in {"pq", "hlg"}


BY_CICP: Final[dict[int, Transfer]] = {
    1: "bt709",
    4: Powers(2.2, 2.2, 2.2),
    5: Powers(2.8, 2.8, 2.8),
    6: "bt709",
    7: "smpte240",
    8: Powers(1.0, 1.0, 1.0),
    9: "log100",
    10: "log316",
    11: "bt709",
    12: "bt709",
    13: "srgb",
    14: "bt709",
    15: "bt709",
    16: "pq",
    17: "smpte428",
    18: "hlg",
}
"""ITU-T H.273, table 3; those that differ from BT.709 below 0 only or in the fourth place are BT.709 here."""

_709_ALPHA, _709_BETA = 1.09929682680944, 0.018053968510807
_240_ALPHA, _240_BETA = 1.111572195921731, 0.022821585529445


def to_linear(curve: Curve, codes: np.ndarray) -> np.ndarray:
    """Return the light of codes in 0..1 by one of the curves of SDR; PQ and HLG are `hdr`'s.

    >>> float(to_linear("srgb", np.array(0.5)).round(4))
    0.214
    """
    match curve:
        case "srgb":
            return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
        case "bt709":
            return _camera(codes, 4.5, _709_ALPHA, _709_BETA)
        case "smpte240":
            return _camera(codes, 4.0, _240_ALPHA, _240_BETA)
        case "log100":
            return np.where(codes <= 0, 0, 10 ** (2.0 * (codes - 1)))
        case "log316":
            return np.where(codes <= 0, 0, 10 ** (2.5 * (codes - 1)))
        case "smpte428":
            light: np.ndarray = 52.37 / 48 * codes**2.6
            return light


def _camera(codes: np.ndarray, slope: float, alpha: float, beta: float) -> np.ndarray:
    light: np.ndarray = np.where(codes < slope * beta, codes / slope, ((codes + alpha - 1) / alpha) ** (1 / 0.45))
    return light


def channel_to_linear(transfer: Powers | Tables, channel: int, codes: np.ndarray) -> np.ndarray:
    """Return the light of one channel's codes in 0..1; 0 is red."""
    light: np.ndarray
    if isinstance(transfer, Powers):
        light = codes ** (transfer.red, transfer.green, transfer.blue)[channel]
    else:
        table = transfer.levels[channel if len(transfer.levels) == 3 else 0]
        light = np.interp(codes, np.linspace(0, 1, len(table)), table / 65535)
    return light


def to_srgb(light: np.ndarray) -> np.ndarray:
    """Return sRGB's codes for linear light in 0..1, of the same type.

    >>> float(to_srgb(np.array(0.5)).round(4))
    0.7354
    """
    codes: np.ndarray = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return codes
