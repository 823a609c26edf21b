"""Paint the example styles: `python examples/paint_styles.py --style flow --size 1024x768`.

The same seed paints the same picture. Needs NumPy, SciPy and Pillow only.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from painting.dots import dots
from painting.flow import flow
from painting.glass import glass
from painting.mosaic import mosaic
from painting.waves import waves

JPEG_QUALITY = 92

STYLES: dict[str, Callable[[int, int, int], Image.Image]] = {
    "dots": dots,
    "flow": flow,
    "glass": glass,
    "mosaic": mosaic,
    "waves": waves,
}


def picture_size(text: str) -> tuple[int, int]:
    """`1024x768` → (height, width) = (768, 1024)."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 32 and int(height) >= 32):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT of at least 32x32, got {text!r}")
    return int(height), int(width)


def main(arguments: list[str] | None = None) -> None:
    """Paint one style, or all of them."""
    parser = argparse.ArgumentParser(description="Paint pictures to use as styles.")
    parser.add_argument("--style", choices=[*STYLES, "all"], default="all")
    parser.add_argument("--size", type=picture_size, default=(768, 1024), metavar="WIDTHxHEIGHT")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "styles", help="folder of the JPEG files")
    options = parser.parse_args(arguments)
    height, width = options.size
    options.out.mkdir(parents=True, exist_ok=True)
    for name in STYLES if options.style == "all" else [options.style]:
        target = options.out / f"{name}.jpg"
        STYLES[name](height, width, options.seed).save(target, quality=JPEG_QUALITY, subsampling=2, optimize=True)
        print(target)


if __name__ == "__main__":
    main()
