"""Woodblock print: breaking waves, a mountain and a vermilion sun, from a tint plate and a key plate.

A wave is a crest curve whose peaks lean over and droop; the lines on its face are the same curve with less
and less of the peak, so they nest like rings in wood. Each shape is first cleared on the key plate, so nearer
waves hide farther ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates

from painting.light import grain, scan
from painting.noise import Field, blend, fractal, hex_colors, ramp, smooth_noise, smoothstep, unit_grid

SUPERSAMPLING = 2

CREAM, INK, VERMILION, WARM = hex_colors("f3e5c4 111a42 d23a1e e08a5c")
SKY = hex_colors("22386f 6f8fa6 d9d3b4 f3e2bb f2c191 e89a6c")
FACE = hex_colors("f6ecd2 bdd3d0 6fa0b6 356fa3 1f4488 15285c")
MOUNTAIN = hex_colors("33508a 5b7da0 9fb3b0 c9a98c")
SUN = (0.30, 0.93, 0.135)  # y, x, radius


@dataclass(frozen=True)
class Swell:
    """One row of waves: `base` of its trough, peaks (x, height, reach, lean); in picture heights."""

    base: float
    peaks: tuple[tuple[float, float, float, float], ...]
    lines: int
    gap: float


SWELLS = (
    Swell(
        0.565,
        (
            (0.20, 0.04, 0.10, 0.02),
            (0.55, 0.05, 0.09, 0.03),
            (1.02, 0.045, 0.10, 0.03),
            (1.3, 0.05, 0.1, 0.0),
        ),
        7,
        0.008,
    ),
    Swell(0.640, ((0.05, 0.06, 0.12, 0.04), (0.72, 0.12, 0.12, -0.07), (1.12, 0.10, 0.11, -0.06)), 9, 0.009),
    Swell(0.760, ((0.30, 0.56, 0.17, 0.23), (1.26, 0.36, 0.13, -0.15)), 22, 0.011),
    Swell(0.850, ((-0.05, 0.30, 0.15, 0.10), (0.60, 0.13, 0.13, 0.07), (0.93, 0.24, 0.13, -0.10)), 15, 0.010),
    Swell(0.950, ((0.22, 0.21, 0.14, 0.11), (0.74, 0.12, 0.14, -0.06), (1.20, 0.24, 0.15, -0.11)), 14, 0.010),
    Swell(
        1.040,
        (
            (0.00, 0.14, 0.14, 0.06),
            (0.50, 0.16, 0.14, 0.08),
            (0.96, 0.15, 0.13, -0.07),
            (1.36, 0.14, 0.1, -0.03),
        ),
        11,
        0.011,
    ),
)


class Plates:
    """Two plates being carved: `tint` in colours, `key` in ink; points are (x, y) in picture heights."""

    def __init__(self, tint: Field) -> None:
        self.unit = tint.shape[0]
        self.tint = Image.fromarray((np.clip(tint, 0, 1) * 255).astype(np.uint8))
        self.key = Image.new("L", self.tint.size)
        self._tint, self._key = ImageDraw.Draw(self.tint), ImageDraw.Draw(self.key)

    def fill(self, points: Field, color: Field) -> None:
        """Lay a tint and clear the ink under it."""
        corners = [(float(x), float(y)) for x, y in points * self.unit]
        self._tint.polygon(corners, fill=_bytes(color))
        self._key.polygon(corners, fill=0)

    def line(self, points: Field, widths: Field) -> None:
        """Carve a line whose width changes along it; a width below nothing lifts the knife."""
        dots, thick = points * self.unit, widths * self.unit
        for (x0, y0), (x1, y1), width in zip(dots[:-1], dots[1:], thick[:-1], strict=True):
            if width > 0.4:
                self._key.line((float(x0), float(y0), float(x1), float(y1)), fill=255, width=max(1, round(float(width))))
                half = float(width) / 2
                self._key.ellipse((x1 - half, y1 - half, x1 + half, y1 + half), fill=255)

    def disc(self, center: Field, radius: float, color: Field, *, rim: float) -> None:
        """A dot of foam with an ink rim, all in picture heights."""
        x, y, outer, inner = (float(value) * self.unit for value in (*center, radius, radius - rim))
        self._key.ellipse((x - outer, y - outer, x + outer, y + outer), fill=255)
        self._key.ellipse((x - inner, y - inner, x + inner, y + inner), fill=0)
        self._tint.ellipse((x - outer, y - outer, x + outer, y + outer), fill=_bytes(color))


def waves(height: int, width: int, seed: int) -> Image.Image:
    """Carve from the sky down to the nearest wave, then print both plates on paper."""
    rng = np.random.default_rng(seed)
    shape = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    y, x = unit_grid(shape)
    plates = Plates(_sky_tint(rng, y, x))
    _carve_sky(rng, plates, y, x)
    _carve_mountain(rng, plates)
    for swell in SWELLS:
        _carve_swell(rng, plates, swell, aspect=width / height)
    return scan(_print(rng, plates), (height, width))


def _sky_tint(rng: np.random.Generator, y: Field, x: Field) -> Field:
    """Bands wiped from indigo at the top to a warm horizon, and the sun."""
    wiped = y / 0.62 + 0.05 * fractal(rng, y.shape, cells=2, octaves=3)
    color = ramp(np.clip(wiped, 0, 1), SKY, stops=(0, 0.16, 0.34, 0.55, 0.8, 1))
    away = np.hypot(x - SUN[1], y - SUN[0]) / SUN[2]
    disc = VERMILION * (1 - 0.16 * np.clip((y - SUN[0]) / SUN[2], -1, 1))[..., None]
    return blend(color, disc.astype(np.float32), 1 - smoothstep(0.985, 1.015, away))


def _carve_sky(rng: np.random.Generator, plates: Plates, y: Field, x: Field) -> None:
    """Wind as level lines of a stream function that winds up about some points, swelling with a tone."""
    psi = y + 0.03 * np.sin(5 * x + 4 * y) + 0.020 * fractal(rng, y.shape, cells=2.5, octaves=3)
    for at_x, at_y, reach, strength in (
        (0.13, 0.13, 0.10, 0.10),
        (0.58, 0.20, 0.09, -0.09),
        (1.22, 0.11, 0.09, 0.10),
        (0.72, 0.44, 0.06, 0.06),
    ):
        away = np.hypot(x - at_x, y - at_y)
        near = np.exp(-((away / reach) ** 2))
        turn = np.arctan2(y - at_y, x - at_x) / (2 * np.pi)
        psi = psi * (1 - near) + near * (at_y + strength * 1.6 * away / reach + 0.02 * turn)
    saw = np.abs(2 * np.mod(psi * 62, 1) - 1)
    tone = 0.30 - 0.10 * y + 0.15 * fractal(rng, y.shape, cells=4, octaves=3)
    away = np.hypot(x - SUN[1], y - SUN[0]) / SUN[2]
    tone = np.where(away < 1, np.clip(tone - 0.12, 0.0, 1) + 0.1 * np.clip((y - SUN[0]) / SUN[2], 0, 1), tone)
    ink = smoothstep(-0.10, 0.10, tone - saw)
    ring = smoothstep(0.022, 0.012, np.abs(away - 1))
    plates.key.paste(Image.fromarray((np.maximum(ink, ring) * 255).astype(np.uint8)))


def _carve_mountain(rng: np.random.Generator, plates: Plates) -> None:
    """A far cone with snow on top; strokes run down its flanks."""
    x = np.linspace(0.30, 0.92, 160)
    slope = 0.585 - 0.25 * np.exp(-np.abs(x - 0.61) / 0.13) * (1 - np.exp(-np.abs(x - 0.61) * 90) * 0.02)
    flank = np.stack([x, np.maximum(slope, 0.345) + 0.003 * rng.standard_normal(160).cumsum() * 0.15], axis=1)
    plates.fill(_down_to(flank, 0.62), MOUNTAIN[0])
    for step, color in enumerate(MOUNTAIN[1:]):
        plates.fill(_down_to(flank + np.array([0, 0.075 + 0.06 * step]), 0.62), color)
    teeth = 0.055 + 0.030 * np.abs(np.sin(x * 70)) + 0.012 * rng.standard_normal(160)
    snow = np.concatenate([flank[50:110], (flank + np.stack([0 * x, teeth], axis=1))[50:110][::-1]])
    plates.fill(snow, CREAM)
    plates.line(flank, np.full(160, 0.0035))
    for start in range(2, 158, 3):
        drop = np.linspace(0, 1, 14)[:, None] * (
            np.sign(x[start] - 0.61) * rng.uniform(0.02, 0.05),
            rng.uniform(0.05, 0.16),
        )
        plates.line(flank[start] + (0, 0.03) + drop, 0.0026 * np.sin(np.linspace(0.2, np.pi, 14)))


def _crest(swell: Swell, x: Field, *, left: float, droop: float) -> tuple[Field, Field]:
    """(points [N, 2], peak share [N]) of the crest when `left` 0..1 of each peak is left."""
    points = np.stack([x, np.full_like(x, swell.base)], axis=1)
    share = np.zeros_like(x)
    for at, tall, reach, lean in swell.peaks:
        behind = np.where((x - at) * np.sign(lean or 1) < 0, 1.7, 0.75) * reach
        bump = np.exp(-np.sqrt(((x - at) / behind) ** 2 + 0.012) + 0.11)
        points[:, 0] += left * lean * bump**2.2
        points[:, 1] -= left * tall * (bump - droop * bump**7)
        share = np.maximum(share, bump * min(1.0, tall / 0.12))
    return points, share


def _carve_swell(rng: np.random.Generator, plates: Plates, swell: Swell, *, aspect: float) -> None:
    x = np.linspace(-0.5, aspect + 0.5, 900)
    wobble = np.interp(x, np.linspace(-0.5, aspect + 0.5, 60), 0.0035 * rng.standard_normal(60))
    crest, share = _crest(swell, x, left=1.0, droop=0.22)
    crest[:, 1] += wobble
    _foam(rng, plates, crest, share, drops=40 + int(460 * max(tall for _, tall, _, _ in swell.peaks)))
    depth = 0.0
    for number in range(swell.lines):
        progress = number / swell.lines
        left = (1 - progress) ** 1.25
        points, _ = _crest(swell, x, left=left, droop=0.22 * (1 - progress))
        points[:, 1] += wobble * (1 - progress) + depth
        tone = np.clip(1.15 * progress**0.8 + 0.12 * (number % 2) + 0.07 * rng.standard_normal(), 0, 1)
        warm = number > 2 and rng.uniform() < 0.13
        plates.fill(_down_to(points, 1.2), WARM if warm else ramp(np.asarray(tone), FACE))
        swelling = np.interp(x, np.linspace(-0.5, aspect + 0.5, 46), rng.uniform(-0.1, 1.15, 46))
        heavy = 0.0075 if number == 0 else 0.0042 + 0.0042 * progress
        plates.line(points, heavy * (np.maximum(swelling, 0.6) if number == 0 else swelling))
        stride = swell.gap * (0.75 + 1.0 * progress + 0.3 * rng.uniform(-1, 1))
        plates.line(points + np.array([0, 0.5 * stride]), 0.0034 * (0.95 - swelling))
        depth += stride
    for at, tall, _, lean in swell.peaks:
        if tall > 0.1:
            tip = np.array([at + lean, swell.base - 0.78 * tall])
            _curl(rng, plates, tip, 0.012 + 0.062 * tall, -np.sign(lean or 1))


def _curl(rng: np.random.Generator, plates: Plates, tip: Field, radius: float, sense: float) -> None:
    """The head of a wave: a large knot of foam and smaller ones beside it, each a spiral on white."""
    turn = np.linspace(0.0, 1.0, 90)
    for step, size in ((2.6, 0.45), (1.75, 0.6), (0.95, 0.75), (-0.75, 0.5), (0.0, 1.0)):
        drop = 0.5 * step**2 if step < 0 else 0.32 * step
        center = tip + radius * np.array([sense * step, drop])
        plates.disc(center, radius * size, CREAM, rim=0.0036)
        angle = sense * (2.0 + rng.uniform(0, 2) + turn * 3.2 * np.pi)
        away = radius * size * (0.90 - 0.82 * turn)
        spiral = center + np.stack([away * np.cos(angle), away * np.sin(angle)], axis=1)
        plates.line(spiral, (0.0042 * size**0.5) * (1 - 0.75 * turn))


def _foam(rng: np.random.Generator, plates: Plates, crest: Field, share: Field, *, drops: int) -> None:
    """Spray above the peaks and scallops along them; the wave's own face then covers their lower halves."""
    for place in rng.choice(len(crest), drops, p=share**9 / (share**9).sum()):
        away = 0.012 + np.abs(rng.standard_normal()) * 0.07 * share[place]
        dot = crest[place] + (rng.normal(0, 0.035), -away)
        plates.disc(dot, 0.0022 + 0.0062 * rng.uniform() ** 3, CREAM, rim=0.0014)
    place = 0.0
    while place < len(crest) - 1:
        at = int(place)
        size = 0.004 + 0.013 * share[at] ** 1.5 * rng.uniform(0.6, 1.25)
        if share[at] > 0.22:
            plates.disc(crest[at], size, CREAM, rim=0.0026)
        stride = np.linalg.norm(crest[min(at + 1, len(crest) - 1)] - crest[at]) + 1e-4
        place += max(1.0, 1.25 * size / stride)


def _print(rng: np.random.Generator, plates: Plates) -> Field:
    """Press tint then key on paper: uneven ink, wood grain, a plate slightly out of register."""
    shape = (plates.tint.height, plates.tint.width)
    unit = shape[0]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    wobble = [0.0009 * unit * fractal(rng, shape, cells=40, octaves=2) for _ in range(2)]
    key = np.asarray(plates.key, dtype=np.float32) / 255
    key = map_coordinates(key, [y + wobble[0], x + wobble[1]], order=1, mode="nearest")
    tint = np.asarray(plates.tint, dtype=np.float32) / 255
    off = 0.0016 * unit
    tint = np.stack([map_coordinates(tint[..., c], [y + off, x - off], order=1, mode="nearest") for c in range(3)], -1)

    wood = smooth_noise(rng, shape, cells=(170, 5)) + 0.6 * smooth_noise(rng, shape, cells=(60, 3))
    paper = grain(rng, shape, blur_px=1.2) + 0.8 * smooth_noise(rng, shape, cells=(300, 60))
    pressure = 0.93 + 0.035 * wood + 0.03 * fractal(rng, shape, cells=3, octaves=3)
    sheet = CREAM * (1 + 0.02 * paper)[..., None]
    printed = blend(sheet, tint, np.clip(pressure - 0.10 * smoothstep(0.8, 2.2, paper), 0, 1))
    spread = gaussian_filter(key, 0.6)
    dry = 1 - 0.55 * smoothstep(1.3, 2.4, paper + 0.5 * wood)
    ink = INK * (1 + 0.10 * fractal(rng, shape, cells=4, octaves=3))[..., None]
    return np.clip(blend(printed, ink.astype(np.float32), spread * dry * 0.96), 0, 1)


def _down_to(points: Field, floor: float) -> Field:
    ends = np.array([(points[-1, 0], floor), (points[0, 0], floor)])
    return np.concatenate([points, ends])


def _bytes(color: Iterable[float]) -> tuple[int, ...]:
    return tuple(int(255 * min(1.0, max(0.0, channel))) for channel in color)
