"""Where files and queue are if nobody says."""

from __future__ import annotations

import os
from pathlib import Path


def default_place() -> Path:
    """`studio` in the user's data folder, or in IMPASTO_DATA."""
    import platformdirs

    base = os.environ.get("IMPASTO_DATA", "")
    return Path(base if base != "" else platformdirs.user_data_dir("impasto", appauthor=False)) / "studio"
