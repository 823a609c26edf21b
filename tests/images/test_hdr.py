"""PQ and HLG → sRGB, against numbers reckoned by hand from the formulas of ITU-R BT.2100 and BT.2408.

PQ: code 0.5 is 92.25 cd/m², 203 cd/m² is code 0.58069, 1000 cd/m² is 0.75183.  92.25/203 = 0.4544 is sRGB's 179.6.
HLG: code 0.5 is 1/12 of the scene's light; 1000 (1/12)^1.2 = 50.7 cd/m²; 50.7/203 = 0.2498 is sRGB's 136.9.  Code 0.75 is
203 cd/m².  The curve for highlights of 1000 cd/m²: p = (1000/203 - 0.8)/0.2 = 20.63; white, s = 1, becomes
0.8 + 0.2 (1 + 1/p²)/2 = 0.9002, 243.5.
"""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from tests.images.stated_files import cicp, iccp, png
from tests.images.test_read_stated_color import avif, color, heic

from impasto.images import read
from impasto.images.colors.color_space import ColorSpace
from impasto.images.colors.primaries import BT709, BT2020, DISPLAY_P3
from impasto.images.colors.profile import srgb_profile
from impasto.images.colors.to_srgb import array_to_srgb

PQ_WHITE = 0.58069
PQ_1000 = 0.75183
PQ = ColorSpace(primaries=BT2020, transfer="pq")
HLG = ColorSpace(primaries=BT2020, transfer="hlg")


def sixteen(code: float) -> tuple[int, int, int]:
    return (round(code * 65535),) * 3


def srgb(codes: list[float] | np.ndarray, space: ColorSpace) -> np.ndarray:
    """Gray pixels of these codes in one row, as sRGB's codes of 0..255."""
    row = np.repeat(np.array(codes, np.float32)[None, :, None], 3, axis=2)
    return array_to_srgb(row, space, channels="rgb")[0, :, 0] * 255


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        pytest.param(png(sixteen(PQ_WHITE), cicp(9, 16), bits=16), 255, 0.1, id="PNG PQ, reference white"),
        pytest.param(png(sixteen(0.5), cicp(9, 16), bits=16), 179.6, 0.1, id="PNG PQ, half"),
        pytest.param(png(sixteen(0.5), cicp(12, 16), bits=16), 179.6, 0.1, id="PNG PQ with P3"),
        pytest.param(png(sixteen(0.5)[:1], cicp(9, 16), bits=16), 179.6, 0.1, id="PNG PQ, gray"),
        pytest.param(png((128,) * 3, cicp(9, 16)), 180.5, 1, id="PNG PQ, 8 bits"),
        pytest.param(png(sixteen(0.5), iccp(b"any", b"ITUR_2100_PQ_FULL"), bits=16), 179.6, 0.1, id="PNG PQ by a name"),
        pytest.param(png(sixteen(0.75), cicp(9, 18), bits=16), 255, 0.2, id="PNG HLG, reference white"),
        pytest.param(png(sixteen(0.5), cicp(9, 18), bits=16), 136.9, 0.1, id="PNG HLG, half"),
        pytest.param(avif((512,) * 3, 9, 16, bits=10), 179.9, 1, id="AVIF PQ, 10 bits"),
        pytest.param(avif((2048,) * 3, 9, 16, bits=12), 179.7, 1, id="AVIF PQ, 12 bits"),
        pytest.param(avif((767,) * 3, 9, 18, bits=10), 255, 1, id="AVIF HLG, 10 bits"),
        pytest.param(avif((128,) * 3, 9, 16), 180.5, 2, id="AVIF PQ, 8 bits"),
        pytest.param(heic(sixteen(0.5), 9, 16, bits=16), 179.6, 1, id="HEIC PQ, 10 bits"),
        pytest.param(heic(sixteen(0.5), 9, 18, bits=16), 136.9, 1, id="HEIC HLG, 10 bits"),
    ],
)
def test_bright_pictures_become_srgb(data: bytes, expected: float, tolerance: float) -> None:
    assert color(data) == pytest.approx([expected] * 3, abs=tolerance)


def test_avif_of_ten_bits_keeps_steps_that_eight_bits_cannot() -> None:
    ramp = np.repeat(np.arange(400, 464, dtype=np.uint16)[None, :, None], 16, axis=0).repeat(3, axis=2)
    data = imagecodecs.avif_encode(ramp, level=100, bitspersample=10, primaries=9, transfer=16, matrix=9, pixelformat="444")
    assert len(np.unique(read(data).rgb[0, 8].numpy())) > 32


def test_profile_that_stands_for_pq_is_pq() -> None:
    """ICC.1:2022, 9.2.17: the tag cicp."""
    profile = bytearray(srgb_profile())
    count = int.from_bytes(profile[128:132], "big")
    tag = b"cicp" + bytes(4) + bytes([9, 16, 0, 1])
    for entry in range(132, 132 + 12 * count, 12):
        profile[entry + 4 : entry + 8] = (int.from_bytes(profile[entry + 4 : entry + 8], "big") + 12).to_bytes(4, "big")
    entry = b"cicp" + (len(profile) + 12).to_bytes(4, "big") + len(tag).to_bytes(4, "big")
    changed = profile[:128] + (count + 1).to_bytes(4, "big") + entry + profile[132:] + tag
    assert color(png(sixteen(0.5), iccp(bytes(changed)), bits=16)) == pytest.approx([179.6] * 3, abs=0.1)


def test_highlights_compress_white_and_leave_mid_tones() -> None:
    half, white, lamp = srgb([0.5, PQ_WHITE, PQ_1000], PQ)
    assert half == pytest.approx(179.6, abs=0.1)
    assert white == pytest.approx(243.5, abs=0.2)
    assert lamp == pytest.approx(255, abs=0.1)


@pytest.mark.parametrize("space", [PQ, HLG])
def test_brighter_stays_brighter(space: ColorSpace) -> None:
    ramp = srgb(np.linspace(0, 1, 500), space)
    assert ramp[0] == 0
    assert ramp[-1] == pytest.approx(255, abs=0.01)
    assert (np.diff(ramp) > 0).all()


def test_a_speck_darkens_no_picture() -> None:
    codes = np.full(40_000, PQ_WHITE)
    codes[7] = 1.0
    assert srgb(codes, PQ)[0] == pytest.approx(255, abs=0.1)


def test_hue_of_a_highlight_stays() -> None:
    """Red twice as bright as green in light, both beyond white: so they are afterwards."""
    light = np.array([4.0, 2.0, 2.0]) * 203 / 10000
    codes = pq_codes(light).astype(np.float32)[None, None]
    pixel = array_to_srgb(codes, ColorSpace(primaries=BT709, transfer="pq"), channels="rgb")[0, 0]
    linear = ((pixel + 0.055) / 1.055) ** 2.4
    assert linear[0] / linear[1] == pytest.approx(2, rel=1e-3)
    assert linear[1] == pytest.approx(linear[2], rel=1e-4)


def pq_codes(light: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084's inverse EOTF, 1 = 10000 cd/m²."""
    power = light ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


@pytest.mark.parametrize("primaries", [BT2020, DISPLAY_P3])
def test_sdr_colors_in_pq_come_back(primaries: object) -> None:
    """sRGB's orange, in wider primaries by the published matrices, in PQ with white at 203 cd/m²."""
    linear = np.array([0.6, 0.2, 0.05])
    matrices = {
        BT2020: [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]],  # ITU-R BT.2087
        DISPLAY_P3: [[0.8225, 0.1775, 0.0], [0.0332, 0.9668, 0.0], [0.0171, 0.0724, 0.9105]],  # CSS Color 4's sample code
    }
    codes = pq_codes(np.array(matrices[primaries]) @ linear * 203 / 10000)
    space = ColorSpace(primaries=primaries, transfer="pq")
    pixel = array_to_srgb(codes.astype(np.float32)[None, None], space, channels="rgb")[0, 0]
    assert pixel * 255 == pytest.approx((1.055 * linear ** (1 / 2.4) - 0.055) * 255, abs=0.3)
