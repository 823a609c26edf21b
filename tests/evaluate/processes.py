"""Starts real processes that meet on loopback, as torchrun does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def together(count: int, rank: int, port: int) -> dict[str, str]:
    """Return the environment by which `count` processes find each other."""
    return {
        "WORLD_SIZE": str(count),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def start(arguments: Sequence[str], count: int, cwd: Path | None = None) -> list[subprocess.Popen[str]]:
    """Start `python ARGUMENTS` so many times, each as a rank of one group."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**environment, **together(count, rank, port)},
            cwd=cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for rank in range(count)
    ]


def ended(processes: Sequence[subprocess.Popen[str]], *, within_s: float) -> list[tuple[int, str, str]]:
    """Exit code, standard output and standard error of each; whoever is not done in time is killed, and the test fails."""
    try:
        said = [process.communicate(timeout=within_s) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return [(process.returncode, out, err) for process, (out, err) in zip(processes, said, strict=True)]
