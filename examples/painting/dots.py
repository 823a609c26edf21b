"""Pointillism: a sunset over water with a pine and two sails, in small dabs of unmixed colour.

A dab takes the pigment nearest to the scene's colour plus noise, so that neighbours differ and mix in the eye
only, as Seurat and Signac had it; dabs lie along arcs about the sun, along the ripples and up the tree.
"""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from painting.brush import Brush, Canvas, Strokes, paint
from painting.light import grain, light_relief, scan
from painting.noise import Field, blend, fractal, hex_colors, ramp, smoothstep, unit_grid

SUPERSAMPLING = 2
DITHER = 0.115  # deviation of the noise that picks a dab's pigment

PIGMENTS = hex_colors(
    "22134f 46288f 2a3fae 3f7fd6 86c2ec a8e0d0 1f9468 0e4238 b4d04a fcec78 fbc02e f78f26 e4482a f07f9c f9c4c6"
    " b78be0 fff4d4 a6194c 7a4fc0 5fb8b0"
)
SKY = hex_colors("3a3fae 6f6fd0 b48adf f09ab4 f9b06a fcd860 fff0b8")
WATER = hex_colors("fbd070 f09a8a b47fd0 5f8fd8 2f6fb8 1f4a9a 27286f")
SHADE = hex_colors("22134f 0e4238 1f6a58 46288f")
SUN = (0.435, 0.84)  # y, x
HORIZON = 0.53


def dots(height: int, width: int, seed: int) -> Image.Image:
    """Dab the scene three times over, each time with a smaller brush."""
    rng = np.random.default_rng(seed)
    shape = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    unit = shape[0]
    color, direction = _scene(rng, shape)
    ground = np.full((*shape, 3), (0.93, 0.86, 0.72), dtype=np.float32)
    canvas = Canvas(ground * (1 + 0.03 * grain(rng, shape, blur_px=1.5))[..., None], np.zeros(shape, np.float32))
    for size, cover in ((0.024, 2.0), (0.016, 1.6), (0.0115, 1.1)):
        brush = Brush(unit * size, unit * size * 1.55, body=1.5, dryness=0.08, streak=0.05, mixing=0.35)
        count = int(cover * shape[0] * shape[1] / (brush.width_px * brush.length_px))
        paint(canvas, _dabs(rng, color, count), brush, direction, rng)
    relief = gaussian_filter(canvas.height_map, 0.9) + 0.06 * grain(rng, shape, blur_px=1.0)
    lit = light_relief(canvas.color, relief, depth=1.6 * unit / 1536, gloss=0.3)
    return scan(lit, (height, width))


def _dabs(rng: np.random.Generator, color: Field, count: int) -> Strokes:
    """Dabs anywhere, each of the pigment nearest to the colour there plus noise."""
    height, width = color.shape[:2]
    centers = (rng.uniform(0, 1, (count, 2)) * (height, width)).astype(np.float32)
    wanted = color[centers[:, 0].astype(int), centers[:, 1].astype(int)]
    choice = cKDTree(PIGMENTS).query(wanted + DITHER * rng.standard_normal((count, 3)))[1]
    pure = PIGMENTS[choice] * (1 + 0.07 * rng.standard_normal((count, 1)))
    pair = np.stack([0.8 * pure + 0.2 * wanted, 0.45 * pure + 0.55 * wanted], axis=1)
    return Strokes(centers, np.clip(pair, 0, 1).astype(np.float32))


def _scene(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Field, Field]:
    """(colour [H, W, 3], direction [H, W] in radians)."""
    y, x = unit_grid(shape)
    away, around = np.hypot(y - SUN[0], x - SUN[1]), np.arctan2(y - SUN[0], x - SUN[1])
    cloud = fractal(rng, shape, cells=3, octaves=4)
    arcs = 0.07 * np.sin(34 * away + 1.5 * cloud)
    color = ramp(np.clip(1.05 - 1.15 * away**0.8 + arcs + 0.06 * cloud, 0, 1), SKY)
    streak = smoothstep(0.3, 1.0, np.sin(21 * y + 3 * np.sin(2.5 * x) + 1.2 * cloud) - 0.4 * away)
    color = blend(color, np.broadcast_to(hex_colors("f0628a")[0], color.shape), 0.75 * streak * (y < HORIZON))
    color = blend(color, np.broadcast_to(hex_colors("fffbe0")[0], color.shape), smoothstep(0.085, 0.07, away))
    direction = around + np.pi / 2

    hills = y > HORIZON - 0.035 - 0.03 * np.sin(6 * x + 1) - 0.05 * np.exp(-(((x - 1.25) / 0.16) ** 2))
    tone = np.clip(0.5 + 0.3 * cloud, 0, 1)
    color = np.where(hills[..., None], ramp(tone, hex_colors("4a3fb0 7a5fd0 3f6fc0 a86fc8")), color)
    water = y > HORIZON
    depth = np.clip((y - HORIZON) / (1 - HORIZON), 0, 1)
    ripple = np.sin(70 * depth**0.6 + 5 * fractal(rng, shape, cells=4, octaves=3))
    tint = ramp(np.clip(depth * 0.85 + 0.16 * ripple + 0.25 * np.abs(x - SUN[1]), 0, 1), WATER)
    path = np.exp(-(((x - SUN[1]) / (0.055 + 0.10 * depth)) ** 2)) * smoothstep(-0.5, 0.4, ripple)
    tint = blend(tint, np.broadcast_to(hex_colors("ffdf70")[0], color.shape), path)
    color = np.where(water[..., None], tint, color)
    direction = np.where(water, 0.16 * ripple, direction)
    for at, tall, sail in ((1.13, 0.17, "fff4d4"), (0.56, 0.11, "f9c4c6")):
        color = _boat(color, y, x, at=at, tall=tall, sail=hex_colors(sail)[0])
    color, direction = _pine(rng, color, direction, y, x)
    return color.astype(np.float32), direction.astype(np.float32)


def _boat(color: Field, y: Field, x: Field, *, at: float, tall: float, sail: Field) -> Field:
    """A hull, a sail, and the sail's broken reflection."""
    foot = HORIZON + 0.03 + 0.25 * tall
    up = (foot - y) / tall
    wind = (x - at) / tall
    cloth = (up > 0.04) & (up < 1) & (wind > -0.30 * (1 - up)) & (wind < 0.42 * np.clip(1 - up, 0, 1) ** 0.8)
    hull = (up <= 0.04) & (up > -0.11) & (np.abs(wind) < 0.48 + 0.8 * up)
    mirror = (up < -0.12) & (up > -0.95) & (np.abs(wind) < 0.30 * (1 + up)) & (np.sin(60 * up) > -0.2)
    shade = np.clip(1.02 - 0.5 * (wind > 0.05), 0, 1)[..., None]
    color = np.where(cloth[..., None], sail * shade + (1 - shade) * hex_colors("f78f26")[0], color)
    color = np.where(hull[..., None], hex_colors("5a1448")[0], color)
    return np.where(mirror[..., None], 0.75 * sail + 0.25 * color, color)


def _pine(rng: np.random.Generator, color: Field, direction: Field, y: Field, x: Field) -> tuple[Field, Field]:
    """A leaning pine and its bank on the left, dark against the light."""
    rough = fractal(rng, y.shape, cells=9, octaves=4)
    middle = 0.17 + 0.10 * np.sin(2.6 * (1 - y)) + 0.02 * np.sin(9 * y)
    trunk = (np.abs(x - middle) < 0.012 + 0.030 * y**2) & (y > 0.12)
    crown = np.zeros(y.shape, bool)
    for at_y, at_x, tall, wide in (
        (0.09, 0.27, 0.090, 0.21),
        (0.20, 0.13, 0.065, 0.17),
        (0.25, 0.38, 0.055, 0.15),
        (0.31, 0.17, 0.045, 0.11),
    ):
        crown |= ((y - at_y) / tall) ** 2 + ((x - at_x) / wide) ** 2 < 1 + 0.28 * rough
    bank = y > 0.86 - 0.10 * np.exp(-x / 0.22) + 0.05 * x + 0.012 * rough + 0.03 * np.sin(5 * x)
    leaf = ramp(np.clip(0.45 + 0.28 * rough, 0, 1), SHADE)
    glint = smoothstep(0.6, 1.3, fractal(rng, y.shape, cells=26, octaves=2))
    leaf = blend(leaf, np.broadcast_to(hex_colors("f7a13a")[0], color.shape), 0.8 * glint)
    grass = ramp(
        np.clip(0.42 + 0.17 * rough + 0.2 * fractal(rng, y.shape, cells=30, octaves=2), 0, 1),
        hex_colors("22134f 0e5a44 2f9a4a b4d04a e4482a"),
    )
    color = np.where(bank[..., None], grass, color)
    color = np.where(
        trunk[..., None],
        ramp(np.clip(0.5 + 12 * (x - middle), 0, 1), hex_colors("22134f 6a1f5a e4602a")),
        color,
    )
    color = np.where(crown[..., None], leaf, color)
    direction = np.where(bank, -1.2 + 0.5 * rough, direction)
    direction = np.where(trunk, np.pi / 2, direction)
    return color, np.where(crown, 0.7 * rough, direction)
