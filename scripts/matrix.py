"""Run a part of the tests in each way in which machines differ: instructions, kernels, precision, user, number of threads.

    python scripts/matrix.py            all ways
    python scripts/matrix.py avx2 user  these

It prints a table, and exits with 1 where a test fails.  A way that this machine cannot go is left out, with the reason.  The
output of each way is shown where it failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
NOBODY: Final = 65534
"""The user without rights on Linux."""

COMPUTING: Final = (
    "tests/native",
    "tests/vgg",
    "tests/losses",
    "tests/optimize",
    "tests/quality",
    "tests/evaluate/test_memory.py",
    "tests/evaluate/test_tiled.py",
    "tests/evaluate/test_whole.py",
    "tests/evaluate/test_wrap.py",
    "tests/run/test_engine.py",
    "tests/run/test_colors.py",
    "tests/run/test_masks.py",
    "tests/run/test_regions.py",
    "tests/run/test_style_cache.py",
    "tests/run/test_style_file.py",
    "tests/run/test_to_file.py",
    "tests/cli/test_commands.py",
    "tests/e2e/test_quality.py",
    "tests/e2e/test_real_network.py",
)
"""Tests of what depends on the processor, the precision and the threads."""

WRITING: Final = (
    "tests/storage",
    "tests/cli/test_commands.py",
    "tests/test_cache.py",
    "tests/test_checkpoint.py",
    "tests/test_scratch.py",
    "tests/test_settings.py",
    "tests/images/test_write.py",
    "tests/images/test_write_place.py",
    "tests/jobs/test_store.py",
    "tests/jobs/test_queue.py",
    "tests/run/test_to_file.py",
    "tests/vgg/test_weights.py",
    "tests/vgg/test_fetch.py",
    "tests/e2e/test_real_network.py",
)
"""Tests of what depends on the user: files, folders, the cache, commands."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to run tests: what it is, the environment it changes, the tests, and as whom."""

    name: str
    words: str
    environment: Mapping[str, str] = field(default_factory=dict)
    paths: Sequence[str] = COMPUTING
    as_nobody: bool = False


WAYS: Final = (
    Way(name="here", words="this machine, one thread", environment={"OMP_NUM_THREADS": "1"}),
    Way(
        name="avx2",
        words="AVX2 at most, our kernels for it",
        environment={"ATEN_CPU_CAPABILITY": "avx2", "DNNL_MAX_CPU_ISA": "AVX2", "IMPASTO_KERNELS": "avx2"},
    ),
    Way(name="no-compiler", words="without our kernels", environment={"IMPASTO_KERNELS": "none"}),
    Way(name="bfloat16", words="auto is bfloat16", environment={"IMPASTO_PRECISION": "bfloat16"}),
    Way(name="user", words="an ordinary user without a home", paths=WRITING, as_nobody=True),
    Way(name="threads", words="eight threads", environment={"OMP_NUM_THREADS": "8"}),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a way: its exit code, None where it was left out; pytest's last line or the reason; seconds; the output."""

    code: int | None
    said: str
    seconds: float = 0.0
    output: str = ""


def main() -> None:
    """Go the ways that are named, or all, and exit with 1 where one failed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("ways", nargs="*", metavar="WAY", help=f"of {', '.join(way.name for way in WAYS)}")
    arguments.add_argument("--processes", default="2", help="of pytest, 2")
    given = arguments.parse_args()
    unknown = set(given.ways) - {way.name for way in WAYS}
    if unknown:
        arguments.error(f"there is no way {', '.join(sorted(unknown))}; choose from {', '.join(way.name for way in WAYS)}")
    chosen = [way for way in WAYS if not given.ways or way.name in given.ways]
    outcomes = []
    for way in chosen:
        print(f"{way.name}: {way.words} ...", flush=True)
        outcomes.append(gone(way, given.processes))
        if outcomes[-1].code not in {0, None}:
            print(outcomes[-1].output, flush=True)
    print(table(chosen, outcomes))
    sys.exit(any(outcome.code not in {0, None} for outcome in outcomes))


def gone(way: Way, processes: str) -> Outcome:
    """Run the tests of one way."""
    with tempfile.TemporaryDirectory(prefix="impasto-matrix-") as folder:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", **way.environment}
        environment["TMPDIR"] = folder
        before: list[str] = []
        if way.as_nobody:
            if not hasattr(os, "geteuid") or os.geteuid() != 0:
                return Outcome(code=None, said="left out: this is no administrator, so all ways are an ordinary user's")
            environment |= {"HOME": str(Path(folder, "none", "home")), "USER": "nobody", "LOGNAME": "nobody"}
            os.chown(folder, NOBODY, NOBODY)
            found = as_nobody(environment)
            if found is None:
                return Outcome(code=None, said="left out: an ordinary user cannot start this Python (or there is no setpriv)")
            before = found
        elif "IMPASTO_KERNELS" in way.environment and not usable(environment):
            return Outcome(code=None, said="left out: this processor or installation has no such kernels")
        command = [*before, sys.executable, "-m", "pytest", "-n", processes, "-p", "no:cacheprovider", *way.paths]
        begun = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return Outcome(code=done.returncode, said=last_line(done.stdout), seconds=time.monotonic() - begun, output=done.stdout)


def usable(environment: Mapping[str, str]) -> bool:
    """Whether the kernels that the environment asks for are there."""
    code = "from impasto.native import library; library()"
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False, capture_output=True).returncode == 0


def as_nobody(environment: Mapping[str, str]) -> list[str] | None:
    """Return what a command begins with that is to run as nobody, who may write nowhere but in TMPDIR; None where that cannot be.

    Where nobody cannot reach this Python, as in root's home, the command may read all files, but write no more of them.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return None
    user = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    reading = [*user, "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    # As tests do, it starts a Python itself: the first one may have been opened before the rights were given up.
    inner = "import os, impasto.native; raise SystemExit(os.access('.', os.W_OK) or os.geteuid() == 0)"
    code = f"import subprocess, sys; raise SystemExit(subprocess.run([sys.executable, '-c', {inner!r}]).returncode)"
    for before in (user, reading):
        command = [*before, sys.executable, "-c", code]
        if subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True).returncode == 0:
            return before
    return None


def last_line(output: str) -> str:
    """Return pytest's summary, without its frame."""
    lines = [line for line in output.splitlines() if re.search(r"\d+ (passed|failed|error|skipped)|no tests ran", line)]
    return lines[-1].strip("= ") if lines else "pytest did not come to its end"


def table(ways: Sequence[Way], outcomes: Sequence[Outcome]) -> str:
    """Return one line per way: whether it holds, its name, seconds, what pytest said."""

    def lines() -> Iterator[str]:
        for way, outcome in zip(ways, outcomes, strict=True):
            mark = {None: "-", 0: "ok"}.get(outcome.code, "FAIL")
            yield f"{mark:4}  {way.name:12}  {outcome.seconds:5.0f} s  {way.words}: {outcome.said}"

    return "\n".join(["", *lines()])


if __name__ == "__main__":
    main()
