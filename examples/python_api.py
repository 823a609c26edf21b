"""impasto from Python: one call, progress through a callback, the losses, and the record of the making."""

from __future__ import annotations

import sys
from pathlib import Path

import impasto

HERE = Path(__file__).parent


def main(size: int = 256, folder: Path = Path("output")) -> Path:
    """Paints the temple with the flow style and saves picture and manifest."""

    def report(step: impasto.Step) -> None:
        if step.iteration % 50 == 0:
            print(f"level {step.level}/{step.levels}  J {step.loss:.4f}  about {step.seconds_left:.0f} s left")

    result = impasto.stylize(
        HERE / "photos" / "temple.jpg",
        HERE / "styles" / "flow.jpg",
        size=size,
        strength=0.5,
        on_step=report,
    )
    print("J fell from", result.losses[0].loss, "to", min(record.loss for record in result.losses))
    folder.mkdir(exist_ok=True)
    return result.save(folder / "python_api.png", overwrite=True)


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 256))
