"""All measurements in one run, or the ones named: `python -m benchmarks step sizes`.

Each part is a process of its own (`python -m benchmarks.step` runs one alone), so that none measures what another left behind.
Writes the table and the raw numbers to benchmarks/results/, never over what is there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.options import ROOT, Raw, parser

PARTS: Final = ("step", "peer", "course", "memory", "sizes", "first_picture")
RESULTS: Final = ROOT / "benchmarks" / "results"


def main() -> int:
    """Runs the parts, writes what they found; 1 when one of them failed."""
    arguments = parser(__doc__)
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all")
    arguments.add_argument("--results", type=Path, default=RESULTS, help="where to write; default benchmarks/results/")
    given = arguments.parse_intermixed_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        arguments.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    chosen = [part for part in PARTS if part in given.parts or not given.parts]
    if given.peer == "none" and "peer" in chosen and not given.parts:
        chosen.remove("peer")
    facts = described()
    found = {part: run(part, handed_on(given)) for part in chosen}
    name = f"{facts['date'][:10]}-{machine.short_name(facts)}"
    # Part of a table, or a rehearsal, must not be taken for a whole one.
    if len(chosen) < len(PARTS):
        name += "-" + "-".join(part.replace("_", "-") for part in chosen)
    if given.quick:
        name += "-quick"
    table = write(given.results, name, facts, found, picture_names=(given.content.name, given.style.name), quick=given.quick)
    print(f"\n{table}")
    return 0 if all(part["failed"] is None for part in found.values()) else 1


def described() -> Raw:
    """The machine and the versions, asked in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.machine"], cwd=ROOT, capture_output=True, text=True, check=True)
    facts: Raw = json.loads(done.stdout)
    return facts


def handed_on(given: argparse.Namespace) -> list[str]:
    """The command line for the parts: all but their names, and where to write."""
    line: list[str] = []
    for name, value in vars(given).items():
        flag = f"--{name.replace('_', '-')}"
        if name in {"parts", "results"} or value is False:
            continue
        if value is True:
            line.append(flag)
        elif isinstance(value, list | tuple):
            line += [flag, *value]
        else:
            line += [flag, str(value)]
    return line


def run(part: str, arguments: list[str]) -> Raw:
    """One part; its output goes to the terminal, its numbers come back."""
    print(f"\n[{part}]", flush=True)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        command = [sys.executable, "-m", f"benchmarks.{part}", *arguments, "--json", str(report)]
        done = subprocess.run(command, cwd=ROOT, check=False)
        seconds = time.perf_counter() - begun
        if done.returncode != 0 or not report.exists():
            return {"failed": done.returncode, "seconds": seconds, "raw": None, "table": None}
        return {"failed": None, "seconds": seconds, **json.loads(report.read_text("utf-8"))}


def write(folder: Path, name: str, facts: Raw, found: Raw, *, picture_names: tuple[str, str], quick: bool) -> Path:
    """The table as NAME.md and the raw numbers as NAME.json, or as NAME-2, …; returns the table's path."""
    folder.mkdir(parents=True, exist_ok=True)
    numbered = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    free = next(stem for stem in numbered if not (folder / f"{stem}.md").exists() and not (folder / f"{stem}.json").exists())
    raw: dict[str, Any] = {"machine": facts, "pictures": list(picture_names), "quick": quick, "parts": found}
    (folder / f"{free}.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n", "utf-8")
    table = folder / f"{free}.md"
    table.write_text(page(facts, found, picture_names=picture_names, quick=quick), "utf-8")
    return table


def page(facts: Raw, found: Raw, *, picture_names: tuple[str, str], quick: bool) -> str:
    """The whole table."""
    lines = ["# Measured side by side\n"]
    if quick:
        lines.append("**A rehearsal (--quick): the sizes are tiny, the numbers mean nothing.**\n")
    lines += [machine.text(facts), f"- pictures: {' in the style of '.join(picture_names)}"]
    peer = (found.get("peer") or {}).get("raw")
    if peer is not None:
        lines.append(f"- peer: {', '.join(f'{name} {version}' for name, version in peer['peer'].items())}")
    lines.append("- minutes: " + ", ".join(f"{part} {one['seconds'] / 60:.1f}" for part, one in found.items()) + "\n")
    for part, one in found.items():
        lines.append(one["table"] if one["failed"] is None else f"### {part}\n\nThis part failed; run it alone to see why.\n")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
