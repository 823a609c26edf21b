"""The peak resident memory of a command: a small process in between starts it, waits for it, and asks the system.

In between, because Linux counts as a child's peak also what its parent held when it was started: ten megabytes here, but all of
PyTorch where a measuring process starts it itself.  Run as a file it is that process: `peak_memory.py REPORT COMMAND…`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peak:
    """Peak resident memory in bytes of a command that ended well, and what it printed."""

    rss_bytes: int
    stdout: str


def peak(command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str]) -> Peak:
    """Runs the command in a folder; stops with what it said when it fails."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "peak.json"
        between = [sys.executable, "-I", "-S", __file__, str(report), *(str(part) for part in command)]
        done = subprocess.run(between, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = "".join((done.stdout + done.stderr).splitlines(keepends=True)[-20:])
            raise SystemExit(f"{Path(command[0]).name} ended with code {done.returncode} and said:\n{said}")
        return Peak(json.loads(report.read_text("utf-8"))["rss_bytes"], done.stdout)


def main() -> int:
    """Starts the command, waits, writes the report; returns the command's exit code."""
    report, *command = sys.argv[1:]
    child = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(child, 0)
    unit = 1 if sys.platform == "darwin" else 1024
    Path(report).write_text(json.dumps({"rss_bytes": usage.ru_maxrss * unit}), "utf-8")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
