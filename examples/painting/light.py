"""A raking light over paint: brightness from the slope of a height map, then the scan to the final size."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from painting.noise import Field


def light_relief(color: Field, height_map: Field, *, depth: float, gloss: float = 0.0) -> Field:
    """Light [H, W, 3] from the upper left; `depth` scales the relief (in pixels), `gloss` its shine."""
    slope_y, slope_x = np.gradient(height_map * depth)
    facing = (slope_x * 0.8 + slope_y * 0.6) / np.sqrt(1 + slope_x**2 + slope_y**2)
    shade = 1 + np.where(facing > 0, 0.38, 0.62) * facing
    shine = gloss * np.clip(facing - 0.25, 0, 1) ** 2
    return np.asarray(np.clip(color * shade[..., None] + shine[..., None], 0, 1), dtype=np.float32)


def grain(rng: np.random.Generator, shape: tuple[int, int], *, blur_px: float) -> Field:
    """Fine grain [H, W] of unit deviation: paper, plaster, canvas."""
    rough = gaussian_filter(rng.standard_normal(shape).astype(np.float32), blur_px)
    return np.asarray(rough / (rough.std() + 1e-6), dtype=np.float32)


def scan(color: Field, size: tuple[int, int]) -> Image.Image:
    """Quantise [H, W, 3] once and shrink the supersampled painting to `size` = (height, width)."""
    height, width = size
    pixels = np.round(np.clip(color, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
