"""What a table was measured with: machine, versions, commit.  No names of hosts and no paths.

As a program it prints itself as JSON, so that whoever asks need not load PyTorch.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from benchmarks.options import ROOT, Raw

PACKAGES: Final = ("torch", "numpy", "pillow", "safetensors")


def processor() -> str:
    """The processor's name as it calls itself."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", listed.read_text("utf-8"), re.MULTILINE)
        if found is not None:
            return found[1].strip()
    if sys.platform == "darwin":
        return _said(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.machine()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The short hash of the commit, with `, with changes` when files differ from it; `unknown` outside a repository."""
    short = _said(["git", "rev-parse", "--short=10", "HEAD"])
    changed = _said(["git", "status", "--porcelain", "--", ".", ":!benchmarks/results"])
    return "unknown" if short == "" else f"{short}{', with changes' if changed else ''}"


def describe() -> Raw:
    """All of it."""
    import torch

    from impasto import __version__

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": psutil.cpu_count(logical=False),
        "logical_cores": allowed,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "impasto": __version__,
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "commit": commit(),
    }


def short_name(facts: Raw) -> str:
    """`amd-epyc-7763-2-cores`: the machine as it stands in a file's name."""
    words = re.sub(r"\((r|tm)\)|\bcpu\b|@.*|\bprocessor\b|\b\d+-core\b", " ", facts["processor"].lower())
    return re.sub(r"[^a-z0-9]+", "-", f"{words} {facts['logical_cores']} cores").strip("-")


def text(facts: Raw) -> str:
    """Lines at the head of a table."""
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    load = "" if facts["load"] is None else f", load before {facts['load'][0]:.2f}"
    return "\n".join(
        [
            f"- machine: {facts['processor']}, {facts['cores']} cores ({facts['logical_cores']} logical usable), "
            f"{facts['capability']}, {facts['memory_gib']} GiB, {facts['system']}{load}",
            f"- threads: {facts['threads']}; everything on the CPU, in float32",
            f"- impasto {facts['impasto']}, commit {facts['commit']}; Python {facts['python']}, {packages}",
            f"- date: {facts['date']}",
        ]
    )


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    print(json.dumps(describe()))
