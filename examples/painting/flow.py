"""Impasto: wind over a wheat field under a swirling night sky, in thick strokes from broad to fine.

The sky follows the level lines of a stream function ψ = drift + Σ vortices, and its colour is a function of ψ
too, so bands of light run with the strokes; hills and wheat have directions of their own.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from painting.brush import Brush, Canvas, Strokes, paint
from painting.light import grain, light_relief, scan
from painting.noise import Field, blend, fractal, hex_colors, ramp, smoothstep, unit_grid

SUPERSAMPLING = 2

SKY = hex_colors("0b1230 14235c 1f3f8f 2b67b0 3f97b8 74bfb4 c3d9a8 f0e2a0")
GLOW = hex_colors("fff6cf ffe27a f7b733 e0862a 8fae7a")
HILLS = hex_colors("0d1a33 1d2f5e 30507f 3f7f86 6d6a9c")
WHEAT = hex_colors("5a3a14 9c641c cf9526 efc34a fae59a")
ACCENTS = hex_colors("f4e8b0 e9a53a c4532b 5fc0b8 1a2a78 e8d27a")
FLOWERS = hex_colors("b52a1c d9572b c8391f efdcae 2f8f97 d98b2b")

VORTICES = (
    (0.34, 0.40, 1.0, 0.20),
    (0.80, 0.27, -0.95, 0.17),
    (0.10, 0.20, -0.6, 0.10),
    (1.20, 0.46, 0.6, 0.10),
)
LIGHTS = (
    (1.13, 0.17, 0.105),
    (0.56, 0.12, 0.040),
    (0.19, 0.07, 0.032),
    (0.62, 0.50, 0.034),
    (0.05, 0.46, 0.036),
)


@dataclass(frozen=True)
class Scene:
    """What lies under the strokes: `color` [H, W, 3], `direction` [H, W] in radians, `detail` [H, W]."""

    color: Field
    direction: Field
    detail: Field


def flow(height: int, width: int, seed: int) -> Image.Image:
    """Paint the picture; every layer uses a finer brush and leaves more of the one below."""
    rng = np.random.default_rng(seed)
    shape = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    scene = _scene(rng, shape)
    unit = shape[0]
    ground = gaussian_filter(scene.color, (0.02 * unit, 0.02 * unit, 0)) * 0.62  # a thin wash of the scene
    canvas = Canvas(ground, 0.2 * grain(rng, shape, blur_px=1.5))
    #        width, length, cover, dryness, body, jitter
    layers = (
        (0.050, 0.26, 3.0, 0.10, 1.0, 0.05),
        (0.030, 0.20, 2.2, 0.22, 1.2, 0.09),
        (0.019, 0.14, 1.5, 0.30, 1.4, 0.12),
        (0.011, 0.085, 0.8, 0.32, 1.5, 0.14),
    )
    for number, (brush_width, length, cover, dryness, body, jitter) in enumerate(layers):
        brush = Brush(unit * brush_width, unit * length, body=body, dryness=dryness)
        count = int(cover * shape[0] * shape[1] / (brush.width_px * brush.length_px))
        strokes = _strokes(rng, scene, count, detail=number / len(layers), jitter=jitter)
        paint(canvas, strokes, brush, scene.direction, rng)
    dabs = Brush(unit * 0.014, unit * 0.032, body=1.9, dryness=0.12, streak=0.08)
    paint(canvas, _dabs(rng, unit), dabs, scene.direction, rng)
    relief = gaussian_filter(canvas.height_map, 0.9) + 0.06 * grain(rng, shape, blur_px=1.0)
    lit = light_relief(canvas.color, relief, depth=2.0 * unit / 1536, gloss=0.55)
    return scan(lit, (height, width))


def _strokes(rng: np.random.Generator, scene: Scene, count: int, *, detail: float, jitter: float) -> Strokes:
    """Strokes where the scene wants this much detail, with two pigments near the scene's colour."""
    height, width = scene.direction.shape
    tries = rng.uniform(0, 1, (count * 2, 2)).astype(np.float32) * np.array([height, width], np.float32)
    at = tries.astype(int)
    keep = rng.uniform(0, 1, count * 2) < 0.3 + 0.7 * scene.detail[at[:, 0], at[:, 1]] * (0.4 + detail)
    centers = tries[keep][:count]
    at = centers.astype(int)
    base = scene.color[at[:, 0], at[:, 1]]
    n = len(centers)
    value = 1 + jitter * 1.6 * rng.standard_normal((n, 1, 1))
    hue = jitter * 0.42 * rng.standard_normal((n, 2, 3))
    pigments = base[:, None] * value + hue
    accent = ACCENTS[rng.integers(0, len(ACCENTS), n)]
    near = rng.uniform(0, 1, (n, 1)) < 0.10 + 0.16 * detail
    mixed = np.where(near, 0.45 * base + 0.55 * accent, pigments[:, 1])
    return Strokes(centers, np.clip(np.stack([pigments[:, 0], mixed], axis=1), 0, 1).astype(np.float32))


def _dabs(rng: np.random.Generator, unit: int) -> Strokes:
    """Short thick touches last of all: in the hearts of the lights, and as flowers in the wheat."""
    places, colors = [], []
    for x, y, radius in LIGHTS:
        count = 6 + int(600 * radius**2)
        places.append(np.array([y, x]) + 0.2 * radius * rng.standard_normal((count, 2)))
        colors.append(GLOW[rng.integers(0, 3, (count, 2))])
    for y, x in rng.uniform((0.80, 0.0), (1.0, 1.34), (34, 2)):
        count = int(rng.integers(2, 6))
        places.append(np.array([y, x]) + rng.standard_normal((count, 2)) * (0.008, 0.022))
        family = FLOWERS[rng.integers(0, len(FLOWERS))]
        colors.append(np.clip(family + 0.07 * rng.standard_normal((count, 2, 3)), 0, 1))
    pigments = np.concatenate(colors)
    return Strokes((np.concatenate(places) * unit).astype(np.float32), pigments.astype(np.float32))


def _scene(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    y, x = unit_grid(shape)
    color, psi, brightness = _sky(rng, y, x)
    slope_y, slope_x = np.gradient(psi)
    across, down = np.negative(slope_y), np.asarray(slope_x)  # along a level line of ψ
    detail = 0.35 + 0.65 * brightness

    ridge = 0.64 + 0.05 * np.sin(3.1 * x + 0.6) + 0.035 * np.sin(7.3 * x + 2.0)
    front = 0.76 + 0.045 * np.sin(2.3 * x + 2.4) + 0.012 * np.sin(9 * x)
    hills = smoothstep(0.0, 0.004, y - ridge)
    fold = (y - ridge) * 26 + 2.2 * fractal(rng, shape, cells=3, octaves=3) + 3 * np.sin(4 * x)
    hill_color = ramp(0.5 + 0.5 * np.sin(fold), HILLS)
    color = blend(color, hill_color, hills)
    lean = 0.55 * np.sin(5.3 * x + 8 * (y - ridge)) + 0.35 * np.cos(3.1 * x + 0.6)
    across, down = _turn(across, down, lean, hills)

    wheat = smoothstep(0.0, 0.004, y - front)
    gust = 0.5 + 0.5 * np.sin(11 * (y - front) * (1.4 - y) * 3 + 4 * x + 1.3 * fractal(rng, shape, cells=3, octaves=4))
    wheat_color = ramp(np.clip(gust * 0.95 + 0.12 * fractal(rng, shape, cells=14, octaves=2), 0, 1), WHEAT)
    furrow = smoothstep(0.80, 1.0, np.sin(26 * (y - front) + 7 * np.sin(2.1 * x) + 1.4))
    wheat_color = blend(wheat_color, np.broadcast_to(hex_colors("1f4a63")[0], color.shape), 0.75 * furrow)
    color = blend(color, wheat_color, wheat)
    stalks = -1.1 + 0.65 * np.sin(3.2 * x + 6 * y) + 0.3 * fractal(rng, shape, cells=4, octaves=2)
    across, down = _turn(across, down, stalks, wheat)
    detail = detail * (1 - wheat) + wheat * 0.95
    return Scene(color.astype(np.float32), np.arctan2(down, across).astype(np.float32), detail.astype(np.float32))


def _turn(across: Field, down: Field, angle: Field, amount: Field) -> tuple[Field, Field]:
    """Replace a direction by `angle` where `amount` is one."""
    norm = np.hypot(across, down) + 1e-9
    across, down = across / norm, down / norm
    return across + (np.cos(angle) - across) * amount, down + (np.sin(angle) - down) * amount


def _sky(rng: np.random.Generator, y: Field, x: Field) -> tuple[Field, Field, Field]:
    """(colour, ψ, brightness) of the sky."""
    psi = 0.9 * y + 0.045 * np.sin(5.5 * x + 3 * y) + 0.022 * fractal(rng, y.shape, cells=3, octaves=3)
    for at_x, at_y, strength, reach in VORTICES:
        near = np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * reach**2))
        psi = psi * (1 - 0.75 * near) + strength * 0.32 * near
    halo, rings = np.zeros_like(psi), np.zeros_like(psi)
    for at_x, at_y, radius in LIGHTS:
        far = np.hypot(x - at_x, y - at_y) / radius
        near = np.exp(-((far / 2.6) ** 2))
        psi = psi * (1 - near) + near * 0.4 * far * radius
        halo = np.maximum(halo, np.exp(-((far / 1.75) ** 2)) + 0.22 * np.exp(-(((far - 2.3) / 0.45) ** 2)))
        rings = np.maximum(rings, near)
    band = 0.5 + 0.5 * np.sin(44 * psi + 0.9 * fractal(rng, y.shape, cells=5, octaves=3))
    mass = fractal(rng, y.shape, cells=1.5, octaves=3)
    brightness = np.clip(0.10 + 0.62 * band**1.4 + 0.11 * mass + 0.15 * (y - 0.35), 0, 1)
    color = ramp(brightness, SKY)
    glow = ramp(np.clip(1.06 - halo + 0.12 * (band - 0.5), 0, 1), GLOW, stops=(0, 0.22, 0.45, 0.7, 1))
    color = blend(color, glow, smoothstep(0.12, 0.5, halo))
    return color, psi.astype(np.float32), np.clip(brightness + rings, 0, 1).astype(np.float32)
