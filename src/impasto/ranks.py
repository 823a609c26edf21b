"""Whether torchrun started this process as one of several, and which; without torch, so that a command can ask at once."""

from __future__ import annotations

import os
from typing import Final

_VARIABLES: Final = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def asked_for() -> bool:
    """Whether torchrun, or somebody in its way, started this process."""
    return all(variable in os.environ for variable in _VARIABLES)


def on_this_machine() -> int:
    """How many processes of the run share this machine's memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if asked_for() else 1


def is_first() -> bool:
    """Whether this process is the first of its run, or the only one: it alone reads, writes and prints."""
    return not asked_for() or os.environ["RANK"] == "0"
