"""PQ and HLG → light in units of reference white, and the way from there into what sRGB can show.

    PQ   SMPTE ST 2084, ITU-R BT.2100-2 table 4: codes are luminances of up to 10000 cd/m²
    HLG  ITU-R BT.2100-2 table 5: codes are a scene's light; a display of 1000 cd/m² shows it with the system gamma 1.2

Reference white, such as paper in the picture, is 203 cd/m² (ITU-R BT.2408-7, 2.1: PQ code 0.58, HLG code 0.75).  It becomes
sRGB's white, so a picture without highlights comes out as its SDR version would.  Highlights, such as lamps and glints, are
brighter; where there are some, all above 80 % of white is compressed by the extended Reinhard curve (Reinhard et al. 2002, eq. 4)

    y = k + (1 - k) · s (1 + s/p²) / (1 + s),    s = (x - k)/(1 - k),    p = (peak - k)/(1 - k),    k = 0.8

which starts with slope 1, takes the brightest value of the picture to 1, and is the identity for a peak of 1.  What is darker
than 80 % never changes.  x is the greatest of red, green and blue, and all three are scaled alike, so hues stay.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from impasto.images.colors.transfer import HdrCurve

REFERENCE_WHITE: Final = 203.0
"""cd/m²"""

_HLG_DISPLAY: Final = 1000.0
_HLG_GAMMA: Final = 1.2
_KNEE: Final = 0.8
_HIGHLIGHTS: Final = 0.9999
"""The share of samples up to the peak; a speck that noise or a broken sensor cell makes darkens no picture."""

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073


def code_to_light(curve: HdrCurve, codes: np.ndarray) -> np.ndarray:
    """Return each code's light: for PQ on the display, 1 = 203 cd/m²; for HLG in the scene, 0..1.

    >>> float(code_to_light("pq", np.array(0.5807)).round(2)), float(code_to_light("hlg", np.array(0.75)).round(3))
    (1.0, 0.265)
    """
    if curve == "pq":
        root = codes ** (1 / _M2)
        light: np.ndarray = (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)
        return light * (10000 / REFERENCE_WHITE)
    return np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _C) / _A) + _B) / 12)


def shown(scene: np.ndarray, luminances: np.ndarray) -> np.ndarray:
    """Return what HLG's display of 1000 cd/m² shows of a scene's light, 1 = 203 cd/m²: BT.2100's OOTF.

    Args:
        scene: [..., C], C = 1 or 3.
        luminances: The shares of the C channels in the luminance of white.
    """
    luminance: np.ndarray = scene @ luminances.astype(scene.dtype)
    light: np.ndarray = scene * (luminance ** (_HLG_GAMMA - 1) * (_HLG_DISPLAY / REFERENCE_WHITE))[..., None]
    return light


def peak(curve: HdrCurve, counts: np.ndarray) -> float:
    """Return how bright a picture's highlights are, in units of reference white.

    Args:
        curve: The codes' transfer function.
        counts: How many samples have each code, from 0 to the greatest, of all channels together.
    """
    code = int(np.searchsorted(np.cumsum(counts), _HIGHLIGHTS * counts.sum())) / (len(counts) - 1)
    light = code_to_light(curve, np.array([code]))
    return float((light if curve == "pq" else shown(light, np.ones(1)))[0])


def within_white(light: np.ndarray, peak: float) -> np.ndarray:
    """Return light of 0..peak as light of 0..1, [..., C], by the curve above; what is brighter than the peak is clipped."""
    if peak <= 1:
        return light.clip(0, 1)
    brightest = light.max(axis=-1, keepdims=True).clip(_KNEE, peak)
    s, p = (brightest - _KNEE) / (1 - _KNEE), (peak - _KNEE) / (1 - _KNEE)
    compressed = _KNEE + (1 - _KNEE) * s * (1 + s / p**2) / (1 + s)
    scaled: np.ndarray = (light * (compressed / brightest)).clip(0, 1)
    return scaled
