"""The user's folders for data and for caches; absent for a user without a home."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path | None:
    """Return IMPASTO_DATA, or the user's data folder for impasto; None where there is no home.  It need not exist."""
    return _folder("IMPASTO_DATA", "user_data_dir")


def cache_folder() -> Path | None:
    """Return IMPASTO_CACHE, or the user's cache folder for impasto; None where there is no home.  It need not exist."""
    return _folder("IMPASTO_CACHE", "user_cache_dir")


def home_folder() -> Path | None:
    """Return the user's home, or None for a user without one (a bare number, as in many containers)."""
    try:
        return Path.home()
    except (RuntimeError, KeyError, OSError):
        return None


def _folder(variable: str, kind: str) -> Path | None:
    given = os.environ.get(variable, "")
    if given != "":
        path = Path(given)
        try:
            return path.expanduser()  # a service manager hands on `~/impasto` as it is written
        except RuntimeError:
            return path
    import platformdirs

    try:
        found: str = getattr(platformdirs, kind)("impasto", appauthor=False)
    except (RuntimeError, KeyError, OSError):
        return None
    # platformdirs leaves `~` as it is where nobody's home can be found.
    return Path(found) if Path(found).is_absolute() else None
