"""Stained glass: a sun over hills, a lake and three flowers, cut into panes and set in lead.

A region (sky, hill, lake, petal ...) has its own curved coordinates (a, b); panes are the Voronoi cells of a
jittered lattice in those, so they run in rays about the sun and in ribbons along a ridge. Region borders get
the heavier lead.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from painting.light import grain, light_relief, scan
from painting.noise import Field, Labels, blend, fractal, hex_colors, ramp, smooth_noise, unit_grid

SUPERSAMPLING = 2
SUN = (0.30, 0.86)  # y, x
FLOWERS = ((0.78, 0.21, 0.150, 9), (0.86, 0.665, 0.105, 6), (0.81, 1.12, 0.125, 8))  # y, x, radius, petals

PALETTES = {
    "heart": hex_colors("fff3b8 ffe066 ffc21f"),
    "disc": hex_colors("ffd23f ffac1c ff8a14 ffe88a"),
    "crown": hex_colors("e01a1c f2501c f98a1d ffbe2e d01440"),
    "glow": hex_colors("ffd84a ffe98a a8eadc 3fc8e0 2aa0f0 7a6af0 e070c8 ff9a4a"),
    "sky": hex_colors("0a1a78 1238b8 1660dc 2a8fe6 5fc3ea 6a2fb0 1a2f9a"),
    "far": hex_colors("4a1f8c 7a38c0 a55ac8 3a3fb8 d07ab8"),
    "middle": hex_colors("0a5a8a 0f86a0 1fb0a8 2a5ac0 7ad0c0"),
    "lake": hex_colors("14a0c8 5fd6e0 d6f4ec 1a60b8 f0e0a0"),
    "near": hex_colors("057a4a 0fa858 4cc44a a8d83a 0a7f70 e0d83a"),
    "meadow": hex_colors("0a5a30 1a9038 6cb828 c8c828 b07a1a e8a820"),
    "petal": hex_colors("d8102c f0385a f87a9a b00a50 f05a2a"),
    "inner": hex_colors("f8a8b8 fbd0c0 f04a7a f8c040"),
    "leaf": hex_colors("0a8a3a 3fb83a 9ad43a 0a6a4a"),
    "border": hex_colors("a80f20 d82a2a 2238a8 128a6a f0a820 6a1f90"),
}


@dataclass(frozen=True)
class Cut:
    """One region's way of being cut: `a`, `b` [H, W] are its coordinates, one pane a unit square."""

    name: str
    inside: Field
    a: Field
    b: Field
    jitter: float = 0.3
    dropped: float = 0.22  # share of lattice points left out, which makes neighbours larger


def glass(height: int, width: int, seed: int) -> Image.Image:
    """Cut the panes, colour each with streaky glass, then lay lead over the joints."""
    rng = np.random.default_rng(seed)
    shape = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    unit = shape[0]
    y, x = unit_grid(shape)
    wobble_y, wobble_x = (0.006 * fractal(rng, shape, cells=5, octaves=3) for _ in range(2))
    cuts = _cuts(y + wobble_y, x + wobble_x)

    region = np.zeros(shape, np.int32)
    for number, cut in enumerate(cuts):
        region[cut.inside > 0] = number
    pane, pane_region = _panes(rng, cuts, region)
    to_joint = _to_border(pane) / unit
    names = np.array([list(PALETTES).index(cut.name) for cut in cuts])
    to_region = _to_border(names[region]) / unit
    color = _streaky(rng, cuts, pane, pane_region)

    backlight = 0.93 + 0.27 * np.exp(-((np.hypot(y - SUN[0], x - SUN[1]) / 0.5) ** 2))
    dirt = 1 - 0.5 * np.exp(-to_joint / 0.0055) + 0.06 * fractal(rng, shape, cells=3, octaves=5)
    color = color * (backlight * dirt)[..., None]
    ripple = 3.0 * fractal(rng, shape, cells=26, octaves=3) + 1.2 * fractal(rng, shape, cells=90, octaves=1)
    color = light_relief(np.clip(color, 0, 1), ripple, depth=0.55 * unit / 1536, gloss=1.1)

    lead_width = 0.0036 * (1 + 0.16 * smooth_noise(rng, shape, cells=(18, 24)))
    lead_height = np.maximum(_came(to_joint / lead_width), _came(to_region / (1.75 * lead_width)))
    metal = 0.085 + 0.03 * fractal(rng, shape, cells=20, octaves=4) + 0.012 * grain(rng, shape, blur_px=1)
    lead = np.clip(metal, 0.02, 1)[..., None] * np.array([1.0, 0.98, 1.06], np.float32)
    rounded = gaussian_filter(lead_height, 1.4) * 9 + 0.5 * grain(rng, shape, blur_px=2)
    lead = light_relief(lead.astype(np.float32), rounded, depth=0.9 * unit / 1536, gloss=0.5)
    return scan(blend(color, lead, lead_height * 4), (height, width))


def _cuts(y: Field, x: Field) -> list[Cut]:
    """The regions, back to front: a later one lies over those before."""
    frame_y, frame_x = np.minimum(y, 1 - y), np.minimum(x, x.max() - x)
    upright = frame_x < frame_y
    border = Cut("border", 0.036 - np.minimum(frame_x, frame_y), _ones(y), np.where(upright, y + 40, x) * 10, 0.2, 0.1)
    return [*_sky(y, x), *_land(y, x), *(cut for flower in FLOWERS for cut in _flower(y, x, *flower)), border]


def _sky(y: Field, x: Field) -> list[Cut]:
    """Waving rings about the sun, each cut in rays that wind outwards, then the sun itself."""
    away, around = np.hypot(y - SUN[0], x - SUN[1]), np.arctan2(y - SUN[0], x - SUN[1])
    cuts = []
    for ring, (inner, rays) in enumerate(
        (
            (0.0, 22),
            (0.25, 30),
            (0.325, 22),
            (0.42, 46),
            (0.49, 38),
            (0.60, 70),
            (0.67, 52),
            (0.79, 80),
            (0.86, 60),
        )
    ):
        edge = inner + 0.016 * np.sin(around * (5 + ring % 3) + 1.7 * ring)
        winding = np.mod((around + np.pi) / (2 * np.pi) + 0.16 * away, 1.0)
        name = "glow" if ring in (0, 1, 3) else "sky"
        cuts.append(Cut(name, away - edge, _ones(y), winding * rays, 0.22, 0.12))
    spear = 1 - np.abs(2 * np.mod(around * 16 / (2 * np.pi), 1) - 1)
    short = np.where(np.mod(around * 8 / (2 * np.pi), 1) < 0.5, 1.0, 0.55)
    beam = (around + np.pi) * 16 / (2 * np.pi)
    cuts.append(Cut("crown", 0.135 + 0.095 * spear * short - away, _ones(y), beam, 0.0, 0.0))
    cuts.append(Cut("disc", 0.125 - away, _ones(y), beam * 9 / 16, 0.15, 0.0))
    cuts.append(Cut("heart", 0.058 - away, _ones(y), _ones(y), 0.0, 0.0))
    return cuts


def _land(y: Field, x: Field) -> list[Cut]:
    """Ridges, a lake between them and a meadow; panes are ribbons along each ridge."""
    far = y - (0.55 + 0.065 * np.sin(4.2 * x + 0.4) + 0.03 * np.sin(9.5 * x))
    middle = y - (0.62 + 0.06 * np.sin(3.6 * x + 3.9) + 0.015 * np.sin(11 * x))
    lake = y - (0.675 + 0.012 * np.sin(6 * x))
    near = y - (0.70 + 0.075 * np.sin(3.0 * x + 2.5) + 0.015 * np.sin(8 * x))
    meadow = y - (0.80 + 0.05 * np.sin(3.9 * x + 0.7))
    return [
        Cut("far", far, far * 24, x * 9 + 2 * np.sin(3 * y)),
        Cut("middle", middle, middle * 26, x * 10 - 4 * middle),
        Cut("lake", lake, lake * 36, x * 7 + 1.5 * np.sin(30 * lake)),
        Cut("near", near, near * 21, x * 10 - 5 * near),
        Cut("meadow", meadow, meadow * 16 + 0.8 * np.sin(7 * x), x * 13 + 6 * meadow),
    ]


def _flower(y: Field, x: Field, at_y: float, at_x: float, radius: float, petals: int) -> list[Cut]:
    """Two leaves, an outer and an inner ring of petals, a heart."""
    away, around = np.hypot(y - at_y, x - at_x) / radius, np.arctan2(y - at_y, x - at_x)
    cuts = []
    for angle in (0.35, 2.6, -2.75):
        along = ((x - at_x) * np.cos(angle) + (y - at_y) * np.sin(angle)) / radius
        across = ((y - at_y) * np.cos(angle) - (x - at_x) * np.sin(angle)) / radius
        blade = 0.34 * np.clip(1 - ((along - 1.15) / 0.95) ** 2, 0, 1) - np.abs(across + 0.25 * (along - 1) ** 2)
        side = np.where(across + 0.25 * (along - 1) ** 2 > 0, 10.5, 0.5)
        cuts.append(Cut("leaf", blade, side, along * 1.6, 0.12, 0.0))
    turns = (around + np.pi) / (2 * np.pi)
    outer = 0.72 + 0.28 * np.abs(np.sin(turns * petals * np.pi)) ** 0.6
    inner = 0.42 + 0.16 * np.abs(np.sin((turns * petals + 0.5) * np.pi)) ** 0.6
    half = np.mod(turns * petals + 0.5, petals)
    cuts.append(Cut("petal", outer - away, _ones(y), turns * petals, 0.0, 0.0))
    cuts.append(Cut("inner", inner - away, _ones(y), half, 0.0, 0.0))
    cuts.append(Cut("heart", 0.24 - away, _ones(y), _ones(y), 0.0, 0.0))
    return cuts


def _ones(y: Field) -> Field:
    return np.full_like(y, 0.5)


def _panes(rng: np.random.Generator, cuts: list[Cut], region: Labels) -> tuple[Labels, list[int]]:
    """(pane number of each pixel [H, W], region of each pane)."""
    pane = np.zeros(region.shape, np.int32)
    pane_region: list[int] = []
    for number, cut in enumerate(cuts):
        where = region == number
        if not where.any():
            continue
        place = np.stack([np.broadcast_to(cut.a, where.shape)[where], cut.b[where]], axis=1)
        lattice = np.unique(np.floor(place).astype(int), axis=0).astype(np.float32)
        lattice = lattice[rng.uniform(0, 1, len(lattice)) >= cut.dropped] if len(lattice) > 4 else lattice
        points = lattice + 0.5 + cut.jitter * rng.standard_normal(lattice.shape).clip(-1.5, 1.5)
        points[:, 1] += 0.5 * (np.floor(points[:, 0]) % 2)
        nearest = cKDTree(points).query(place)[1]
        pane[where] = len(pane_region) + nearest
        pane_region += [number] * len(points)
    return pane, pane_region


def _to_border(label: Labels) -> Field:
    """Distance in pixels to the nearest pixel whose right or lower neighbour has another label."""
    same = np.ones(label.shape, bool)
    same[:, :-1] &= label[:, :-1] == label[:, 1:]
    same[:-1] &= label[:-1] == label[1:]
    if same.all():
        return np.full(label.shape, float(sum(label.shape)), np.float32)
    return np.asarray(distance_transform_edt(same), dtype=np.float32)


def _streaky(rng: np.random.Generator, cuts: list[Cut], pane: Labels, pane_region: list[int]) -> Field:
    """Colour [H, W, 3]: each pane is two pigments of its region, poured in streaks of its own direction."""
    count = len(pane_region)
    first, second = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    for index, number in enumerate(pane_region):
        palette = PALETTES[cuts[number].name]
        tone = rng.uniform(0, len(palette) - 1)
        first[index] = ramp(np.asarray(tone / (len(palette) - 1)), palette)
        second[index] = palette[int(tone + rng.integers(-1, 3)) % len(palette)]
    value = rng.uniform(0.68, 1.2, (count, 1)).astype(np.float32)
    first, second = first * value, 0.35 * first + 0.65 * second * value

    angle = rng.uniform(-0.9, 0.9, count).astype(np.float32) + (rng.uniform(0, 1, count) < 0.4) * 1.2
    y, x = unit_grid((pane.shape[0], pane.shape[1]))
    along = x * np.cos(angle)[pane] + y * np.sin(angle)[pane]
    across = y * np.cos(angle)[pane] - x * np.sin(angle)[pane]
    texture = fractal(rng, (512, 512), cells=10, octaves=5)
    shift = rng.uniform(0, 512, count).astype(np.float32)[pane]
    swirl = 14 * fractal(rng, (pane.shape[0], pane.shape[1]), cells=7, octaves=3)
    spot = np.stack([across * 700 + shift + swirl, along * 130 + 2 * shift])
    streak = map_coordinates(texture, spot, order=1, mode="wrap")
    share = np.clip(0.42 + 0.45 * streak, 0, 1)[..., None]
    light = (1 + 0.13 * np.roll(streak, 7, axis=0))[..., None]
    return np.asarray((first[pane] * (1 - share) + second[pane] * share) * light, dtype=np.float32)


def _came(distance: Field) -> Field:
    """Height 0..1 of a round lead strip; `distance` in half widths from its middle."""
    return np.sqrt(np.clip(1 - distance**2, 0, 1)).astype(np.float32)
