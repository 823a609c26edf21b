"""Gold mosaic: a tree of spirals over a flower meadow, in tilted tesserae whose rows run along the branches.

Tesserae are the cells of a centroidal Voronoi diagram under the square metric max(|u|, |v|), turned at each
point along the distance field of the drawing: Hausner 2001, Simulating Decorative Mosaics.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt, gaussian_filter, gaussian_gradient_magnitude
from scipy.spatial import cKDTree

from painting.light import grain, light_relief, scan
from painting.noise import Field, Labels, fractal, hex_colors, ramp, unit_grid

SUPERSAMPLING = 2
RELAXATIONS = 14
NEIGHBOURS = 6

BANDS = hex_colors("f6e6b4 f3c64a e0a02c c9781f f0b83c d8902a c22f1c f7dc86 1f8f96 17608f 142f6a 2a93a8 e8c25a a8441f")
BARK = hex_colors("1c1218 3a1d1a 5a2a1c 241a3a 7a3a1c")
MEADOW = hex_colors("0d4a3a 12724a 3c9a48 8ab038 0f5a6a 17384f")
BLOSSOM = hex_colors("f6ecd6 d62f22 f39a24 fbe08a 2a4fa8 c4467a 35b0ac")
EYE = hex_colors("17182a f4ecd8 2fb3b8 c9301e f2c244")

#        x,    y,    radius, sense, angle of the outer end, foot height on the trunk
SPIRALS = (
    (0.24, 0.25, 0.195, 1, 1.1, 0.58),
    (1.07, 0.24, 0.205, -1, 2.1, 0.56),
    (0.655, 0.16, 0.120, 1, 1.9, 0.46),
    (0.13, 0.60, 0.120, -1, -0.4, 0.72),
    (1.23, 0.60, 0.115, 1, 3.4, 0.70),
    (0.42, 0.53, 0.095, -1, 0.4, 0.70),
    (0.93, 0.56, 0.095, 1, 2.9, 0.72),
)


def mosaic(height: int, width: int, seed: int) -> Image.Image:
    """Draw the cartoon, set the tesserae along it, colour each by its own stone, light the wall."""
    rng = np.random.default_rng(seed)
    shape = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    unit = shape[0]
    color, away, edge = _cartoon(rng, shape)
    slope = np.gradient(gaussian_filter(away, 0.006 * unit))
    angle = np.arctan2(slope[0], slope[1]).astype(np.float32)
    side_px = max(0.0165 * unit, 9.0)  # a small picture has fewer stones, not smaller ones
    points = _set_stones(rng, angle, edge, side_px=side_px)
    stone, joint = _cells(points, angle, shape)

    at = points.astype(int)
    own = color[at[:, 0].clip(0, shape[0] - 1), at[:, 1].clip(0, shape[1] - 1)]
    count = len(points)
    own = own * rng.normal(1, 0.15, (count, 1)) + rng.normal(0, 0.030, (count, 3))
    strays = rng.uniform(0, 1, (count, 1)) < 0.05
    own = np.where(strays, 0.5 * own + 0.5 * BANDS[rng.integers(0, len(BANDS), count)], own).astype(np.float32)

    y, x = unit_grid(shape)
    tilt = rng.normal(0, 1, (count, 2)).astype(np.float32)
    offset_y, offset_x = y * unit - points[stone, 0], x * unit - points[stone, 1]
    plane = (tilt[stone, 0] * offset_y + tilt[stone, 1] * offset_x) / side_px
    glance = np.clip(tilt[:, 0] * -0.6 + tilt[:, 1] * -0.8 - 0.9, 0, 1)[stone]
    vein = fractal(rng, shape, cells=70, octaves=3)
    face = np.clip(own[stone] * (1 + 0.06 * vein + 0.10 * plane)[..., None], 0, 1)
    face = face + (0.30 * glance * (1 + 0.3 * vein))[..., None] * (1 - face)

    dome = np.clip(joint / (0.28 * side_px), 0, 1)
    mortar = hex_colors("4a4038")[0] * (1 + 0.16 * grain(rng, shape, blur_px=1.2) + 0.1 * vein)[..., None]
    set_in = np.clip((joint - 0.067 * side_px) / 1.5, 0, 1)[..., None]
    wall = mortar + (face - mortar) * set_in
    relief = 5.0 * np.sqrt(dome) + 0.9 * plane * dome + 0.35 * vein + 3 * fractal(rng, shape, cells=8, octaves=2)
    lit = light_relief(wall.astype(np.float32), gaussian_filter(relief, 1.0), depth=0.8 * unit / 1536, gloss=0.7)
    lit = lit * (1.04 + 0.07 * fractal(rng, shape, cells=1.5, octaves=2))[..., None]
    return scan(lit, (height, width))


def _spiral_path(at_x: float, at_y: float, radius: float, sense: int, end: float, foot: float) -> Field:
    """A branch as points (x, y): out of the trunk on a Bézier curve, then two turns and a half."""
    turn = np.linspace(0, 1, 220)
    angle = end + sense * turn * 5 * np.pi
    coil_radius = radius * (1 - turn) ** 0.9 + 0.012
    coil = np.stack([at_x + coil_radius * np.cos(angle), at_y + coil_radius * np.sin(angle)], axis=1)
    tangent = coil[0] - coil[1]
    tangent /= np.linalg.norm(tangent)
    start = np.array([0.665, foot])
    reach = 0.55 * np.linalg.norm(start - coil[0])
    first, second = start - np.array([0, reach]), coil[0] + reach * tangent
    t = np.linspace(0, 1, 60)[:, None]
    stem = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * first + 3 * (1 - t) * t**2 * second + t**3 * coil[0]
    return np.concatenate([stem, coil[1:]])


def _cartoon(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Field, Field, Field]:
    """(colour [H, W, 3], distance to the drawing in pixels, strength of its outlines 0..1)."""
    unit = shape[0]
    y, x = unit_grid(shape)
    bark = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(bark)
    for spiral in SPIRALS:
        path = _spiral_path(*spiral)
        thick = np.interp(np.linspace(0, 1, len(path)), (0, 0.25, 1), (0.030, 0.0155, 0.0065)) * unit
        for (at_x, at_y), half in zip(path * unit, thick / 1.6, strict=True):
            pen.ellipse((at_x - half, at_y - half, at_x + half, at_y + half), fill=255)
    wood = np.asarray(bark) > 0
    ground = 0.83 + 0.025 * np.sin(5 * x + 1)
    trunk = 0.028 + 0.10 * np.clip(y - 0.62, 0, 1) ** 1.3 + 0.006 * np.sin(30 * y)
    wood = wood | ((np.abs(x - 0.665) < trunk) & (y > 0.46) & (y < ground + 0.03))
    away = np.asarray(distance_transform_edt(~wood), dtype=np.float32)
    inward = np.asarray(distance_transform_edt(wood), dtype=np.float32)

    band = away / unit / 0.0165
    step = np.floor(band + 0.35 * fractal(rng, shape, cells=3, octaves=2)).clip(0).astype(int)
    color = BANDS[step % len(BANDS)]
    rough = np.clip(0.5 + 0.35 * fractal(rng, shape, cells=24, octaves=2), 0, 1)
    color = np.where(wood[..., None], ramp(rough, BARK), color)
    drawing = away - inward
    meadow = y > ground
    color = np.where(meadow[..., None], ramp(np.clip(0.5 + 0.3 * fractal(rng, shape, cells=7), 0, 1), MEADOW), color)
    drawing = np.where(meadow, (y - ground) * unit, drawing)
    eyes = [(at_y, at_x, 0.045 + 0.1 * radius, EYE) for at_x, at_y, radius, *_ in SPIRALS]
    eyes += [
        (row, column, rng.uniform(0.022, 0.052), BLOSSOM[rng.permutation(len(BLOSSOM))])
        for row, column in zip(rng.uniform(0.87, 1.0, 26), np.linspace(0.0, 1.36, 26), strict=True)
    ]
    for row, column, radius, palette in eyes:
        far = np.hypot(y - row, x - column)
        inside = far < radius
        rings = palette[np.minimum((far / 0.0155).astype(int), len(palette) - 1)]
        color = np.where(inside[..., None], rings, color)
        drawing = np.where(inside, far * unit, drawing)
    outline = gaussian_gradient_magnitude(color.mean(axis=2), 1.5)
    return (
        color.astype(np.float32),
        drawing.astype(np.float32),
        np.clip(outline * 12, 0, 1).astype(np.float32),
    )


def _set_stones(rng: np.random.Generator, angle: Field, edge: Field, *, side_px: float) -> Field:
    """Centres [N, 2] as (y, x) in pixels, relaxed on a coarse grid; outlines push them aside."""
    height, width = angle.shape
    stride = max(1, height // 400)
    rows, columns = np.mgrid[0:height:stride, 0:width:stride]
    pixels = np.stack([rows.ravel(), columns.ravel()], axis=1).astype(np.float32)
    weight = (1.02 - edge[::stride, ::stride].ravel()).astype(np.float32)
    count = max(8, int(height * width / side_px**2))
    points = rng.uniform(0, 1, (count, 2)).astype(np.float32) * np.array([height, width], np.float32)
    for _ in range(RELAXATIONS):
        nearest = _square_nearest(points, angle, pixels)[0]
        mass = np.bincount(nearest, weight, count)
        moved = [np.bincount(nearest, weight * pixels[:, axis], count) for axis in (0, 1)]
        filled = mass > 0
        points[filled] = (np.stack(moved, axis=1)[filled] / mass[filled, None]).astype(np.float32)
    return points


def _cells(points: Field, angle: Field, shape: tuple[int, int]) -> tuple[Labels, Field]:
    """(stone of each pixel [H, W], distance in pixels to the joint with the next stone [H, W])."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pixels = np.stack([rows.ravel(), columns.ravel()], axis=1).astype(np.float32)
    nearest, gap = _square_nearest(points, angle, pixels)
    return nearest.reshape(shape), gap.reshape(shape)


def _square_nearest(points: Field, angle: Field, pixels: Field) -> tuple[Labels, Field]:
    """(nearest stone, half the lead over the second nearest) of each pixel under the turned square metric."""
    at = points.astype(int).clip(0, np.array(angle.shape) - 1)
    turn = angle[at[:, 0], at[:, 1]]
    some = min(NEIGHBOURS, len(points))
    near = cKDTree(points).query(pixels, k=some)[1].reshape(len(pixels), some)
    down, right = (pixels[:, axis, None] - points[near, axis] for axis in (0, 1))
    sine, cosine = np.sin(turn)[near], np.cos(turn)[near]
    square = np.maximum(np.abs(right * cosine + down * sine), np.abs(down * cosine - right * sine))
    order = np.argpartition(square, 1, axis=1)[:, :2]
    two = np.take_along_axis(square, order, axis=1)
    first = (two[:, 1] < two[:, 0]).astype(int)
    best = np.take_along_axis(order, first[:, None], axis=1)
    nearest = np.take_along_axis(near, best, axis=1)[:, 0]
    return nearest, (np.abs(two[:, 0] - two[:, 1]) / 2).astype(np.float32)
