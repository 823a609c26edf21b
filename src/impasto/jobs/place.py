"""Where files and queue are if nobody says."""

from __future__ import annotations

from pathlib import Path

from impasto.errors import InputError
from impasto.storage.user_folders import data_folder


def default_place() -> Path:
    """Return `studio` in the user's data folder, or in IMPASTO_DATA.

    Raises:
        InputError: This user has no home.
    """
    base = data_folder()
    if base is None:
        raise InputError("this user has no home folder to keep jobs and files in; name a folder for them with --data")
    return base / "studio"
