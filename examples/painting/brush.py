"""A bristle brush: each stroke is a curved strip of many hairs that follow a direction field.

A stroke is sampled on a grid (u along, v across); a sample lands at path(u) + v·normal(u), a hair lifts off
where its paint has run out, and later strokes cover earlier ones. So a layer of strokes is one scatter, with
no loop over strokes.
"""

from dataclasses import dataclass

import numpy as np

from painting.noise import Field

SAMPLES_A_CHUNK = 1_500_000
SAMPLES_A_PIXEL = (2.5, 1.7)  # along and across; fewer leave pinholes where a strip bends


@dataclass
class Canvas:
    """Wet paint: `color` [H, W, 3], sRGB-encoded 0..1, and `height_map` [H, W] in pixels."""

    color: Field
    height_map: Field


@dataclass(frozen=True)
class Brush:
    """Size and temper of one brush; lengths in pixels of the canvas."""

    width_px: float
    length_px: float
    body: float = 1.0  # thickness of the paint
    dryness: float = 0.25  # 0: full strip, 1: mostly bare hairs
    streak: float = 0.06  # brightness deviation between hairs
    mixing: float = 1.0  # how far the second pigment gets into the stroke


@dataclass(frozen=True)
class Strokes:
    """`centers` [N, 2] as (y, x) in pixels; `pigments` [N, 2, 3]: the main one and its streaks."""

    centers: Field
    pigments: Field


def paint(canvas: Canvas, strokes: Strokes, brush: Brush, direction: Field, rng: np.random.Generator) -> None:
    """Lay the strokes on the canvas in order; `direction` [H, W] is in radians, from the x to the y axis."""
    along = max(6, int(brush.length_px * SAMPLES_A_PIXEL[0]))
    across = max(3, int(brush.width_px * SAMPLES_A_PIXEL[1]))
    chunk = max(1, SAMPLES_A_CHUNK // (along * across))
    for first in range(0, len(strokes.centers), chunk):
        part = slice(first, first + chunk)
        _lay(
            canvas,
            Strokes(strokes.centers[part], strokes.pigments[part]),
            brush,
            direction,
            rng,
            grid=(along, across),
        )


def trace(centers: Field, length_px: Field, direction: Field, *, knots: int = 12) -> Field:
    """Paths [N, 2·knots + 1, 2] through `centers`, both ways along `direction`, never turning back."""
    height, width = direction.shape
    step_px = (length_px / (2 * knots))[:, None]
    halves = []
    for sense in (1.0, -1.0):
        here, heading = centers, np.zeros_like(centers)
        half: list[Field] = []
        for knot in range(knots):
            row = np.clip(here[:, 0].astype(int), 0, height - 1)
            column = np.clip(here[:, 1].astype(int), 0, width - 1)
            angle = direction[row, column]
            wanted = sense * np.stack([np.sin(angle), np.cos(angle)], axis=1)
            heading = wanted if knot == 0 else 0.5 * heading + 0.5 * wanted
            heading = heading / (np.linalg.norm(heading, axis=1, keepdims=True) + 1e-6)
            here = here + heading * step_px
            half.append(here)
        halves.append(half)
    path = [*reversed(halves[1]), centers, *halves[0]]
    return np.stack(path, axis=1).astype(np.float32)


def _lay(
    canvas: Canvas,
    strokes: Strokes,
    brush: Brush,
    direction: Field,
    rng: np.random.Generator,
    *,
    grid: tuple[int, int],
) -> None:
    along, across = grid
    count = len(strokes.centers)
    size = rng.uniform(0.7, 1.3, (count, 2)).astype(np.float32)
    path = _stretch(trace(strokes.centers, brush.length_px * size[:, 0], direction), along)
    tangent = np.gradient(path, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-6

    u = np.linspace(0, 1, along, dtype=np.float32)[None, :, None]
    v = np.linspace(-1, 1, across, dtype=np.float32)[None, None, :]
    pressure = (0.72 + 0.28 * np.sin(np.pi * np.clip(u * 1.15, 0, 1)))[:, :, 0] * size[:, 1:2]
    reach = v * (0.5 * brush.width_px * pressure)[:, :, None]
    row = np.rint(path[:, :, 0, None] + tangent[:, :, 1, None] * reach).astype(np.int32)
    column = np.rint(path[:, :, 1, None] - tangent[:, :, 0, None] * reach).astype(np.int32)

    hair = _hairs(rng, count, across)
    ragged = np.abs(rng.standard_normal((count, 1, across))).astype(np.float32)
    wander = _stretch(rng.standard_normal((count, 7, across)).astype(np.float32), along)
    rounding = 1 - 0.22 * v**2
    begins = 0.02 * ragged + (1 - rounding) * 0.35
    ends = 1 - (0.05 + 0.16 * brush.dryness) * ragged - (1 - rounding) * 0.5
    paint_left = 2.1 - 2.6 * brush.dryness * u**1.5 - brush.dryness
    landed = (u >= begins) & (u <= ends) & (wander + hair < paint_left)
    height, width = canvas.height_map.shape
    landed &= (row >= 0) & (row < height) & (column >= 0) & (column < width)

    share = np.clip(0.28 + 0.42 * hair + 0.22 * wander + 0.25 * (u - 0.5), 0, 1) * brush.mixing
    main, second = strokes.pigments[:, None, None, 0], strokes.pigments[:, None, None, 1]
    value = 1 + brush.streak * (_hairs(rng, count, across) + 0.5 * wander)
    tint = (main + (second - main) * share[..., None]) * value[..., None]

    ridge = np.exp(-(((np.abs(v) - 0.86) / 0.12) ** 2))
    heap = np.exp(-(((u - 0.93) / 0.08) ** 2))
    thickness = 0.55 + 0.22 * hair + 0.12 * wander + 0.35 * ridge + 0.4 * heap
    thickness = np.broadcast_to(thickness * brush.body, landed.shape)
    rows, columns = row[landed], column[landed]
    below = canvas.height_map[rows, columns]
    canvas.color[rows, columns] = np.clip(tint[landed], 0, 1)
    canvas.height_map[rows, columns] = 0.45 * below + thickness[landed]


def _hairs(rng: np.random.Generator, count: int, across: int) -> Field:
    """Noise [N, 1, across], clumped in groups of hairs, of about unit deviation."""
    fine = rng.standard_normal((count, 1, across)).astype(np.float32)
    clumps = rng.standard_normal((count, max(2, across // 5), 1)).astype(np.float32)
    coarse = np.swapaxes(_stretch(clumps, across), 1, 2)
    return 0.5 * fine + 0.85 * coarse


def _stretch(knots: Field, length: int) -> Field:
    """Linear interpolation of [N, K, M] to [N, length, M]."""
    place = np.linspace(0, knots.shape[1] - 1, length, dtype=np.float32)
    left = np.minimum(place.astype(int), knots.shape[1] - 2)
    share = (place - left)[None, :, None]
    return np.asarray(knots[:, left] * (1 - share) + knots[:, left + 1] * share, dtype=np.float32)
