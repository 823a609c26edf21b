"""Memory that there really is: of the device, and of what containers, services, shells and batch systems allow.

Two kinds of limits count.  A control group (Linux) bounds the memory of a group of processes.  A limit of the process, as set by
`ulimit -v` or a batch system's h_vmem, bounds the addresses it may use (RLIMIT_AS), or only those of its own data (RLIMIT_DATA).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil
import torch

from impasto.ranks import on_this_machine

_ROOT: Final = Path("/sys/fs/cgroup")
_SELF: Final = Path("/proc/self/cgroup")
_UNLIMITED: Final = 1 << 60


def base_bytes(device: torch.device) -> int:
    """Return the memory in bytes that the process has on the device now: Python, PyTorch, the network and the pictures."""
    return int(torch.cuda.memory_reserved(device) if device.type == "cuda" else psutil.Process().memory_info().rss)


def available_bytes(device: torch.device) -> int:
    """Return the memory in bytes that this process can have on the device: what it has, and its part of what is free."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) + base_bytes(device)
    shared = min(int(psutil.virtual_memory().available), group_free_bytes()) // on_this_machine()
    return min(shared, own_free_bytes()) + base_bytes(device)


def own_free_bytes() -> int:
    """Return how many bytes the limits of this process still allow; a huge number for no limit, or where there are none."""
    try:
        import resource
    except ImportError:
        return _UNLIMITED
    used = psutil.Process().memory_info()
    # Only Linux tells apart what is data; elsewhere all addresses count, which is never too little.
    limits = (("RLIMIT_AS", used.vms), ("RLIMIT_DATA", getattr(used, "data", used.vms)))
    free = _UNLIMITED
    for name, bytes_used in limits:
        most = resource.getrlimit(getattr(resource, name))[0] if hasattr(resource, name) else resource.RLIM_INFINITY
        if most != resource.RLIM_INFINITY:
            free = min(free, max(0, most - bytes_used))
    return free


def group_free_bytes(root: Path = _ROOT, own: Path = _SELF) -> int:
    """Return how many bytes our groups of processes (control groups, version 2 or 1) allow; a huge number for no limit."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return _UNLIMITED
    free = _UNLIMITED
    for _, controllers, name in lines:
        if controllers == "":
            free = min(free, _least(root, name, "memory.max", "memory.current", "inactive_file"))
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            free = min(free, _least(root / "memory", name, *names))
    return free


def _least(root: Path, name: str, limit: str, usage: str, cached: str) -> int:
    """Return the least that a group and those around it allow.  What it has cached of files is given up when it is needed."""
    free = _UNLIMITED
    group = root / name.strip("/")
    # Inside a container the group's own name may not be there: then its root is what we see.
    for folder in (group, *group.parents):
        if folder == root.parent:
            break
        try:
            most, used = int((folder / limit).read_text()), int((folder / usage).read_text())
            facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if most < _UNLIMITED:
            free = min(free, max(0, most - used + int(facts.get(cached, 0))))
    return free
