"""One estimate: JSON of files by role and settings on standard input, JSON of what a run needs on standard output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError
from impasto.evaluate.allocator import keep_freed_memory
from impasto.run.api import prepare
from impasto.run.forecast import expected_facts
from impasto.run.inputs import decoded
from impasto.settings import parse


def estimated(asked: dict[str, Any]) -> dict[str, Any]:
    """What `impasto estimate --json` says, and the picture's size in px."""
    keep_freed_memory()
    settings = parse(asked["settings"])
    encoded = {role: Path(path).read_bytes() for role, (path, _) in asked["files"].items()}
    names = {role: name for role, (_, name) in asked["files"].items()}
    run = prepare(settings, decoded(encoded, names, dict.fromkeys(names), settings))
    height, width = run.levels[-1].size
    return {**expected_facts(run), "width": width, "height": height}


def main() -> None:
    """Reads one, answers one."""
    try:
        answer = estimated(json.load(sys.stdin))
    except ImpastoError as error:
        answer = {"error": type(error).__name__, "message": str(error), "setting": error.data.get("setting")}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
