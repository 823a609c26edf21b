"""What a second process gains: one process of one thread against two of one thread each, on the same run.

Both take the same steps of the same run, in turn, so that whatever else the machine does meets both.  Counted are the median
seconds a step, the processor time of the first process, the time in which it talks or waits for the other, and the bytes that it
sends; beside them what the connection alone can do.  On a machine that does other things too, processor time is what tells: two
processes then share what is left, and wait for each other.  Two processes share the machine's memory and caches: on two machines
each would have its own.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch

from benchmarks import machine
from benchmarks.options import ROOT, Raw
from benchmarks.table import markdown, milliseconds, number
from impasto.evaluate.sharded import Shards
from impasto.presets import resolve
from impasto.run import Run, gather, prepare
from impasto.run.serve import joined, serve
from impasto.run.together import Together

PHOTO: Final = ROOT / "examples/photos/temple.jpg"
STYLE: Final = ROOT / "examples/styles/flow.jpg"
HEAD: Final = (
    "one process, ms a step",
    "two",
    "ratio",
    "processor time of one, ms a step",
    "of the first of two",
    "ratio",
    "talking and waiting, ms",
    "sent a step, MB",
)
_WARM_UP: Final = 2
_PIECE: Final = 16 << 20


class Talk:
    """Seconds spent in what the processes say to each other, waiting included."""

    def __init__(self, shards: Shards) -> None:
        self.seconds = 0.0
        for name in ("add_up", "exchange", "tell"):
            setattr(shards, name, self._timed(getattr(shards, name)))

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - begun

        return timed


def steps(run: Run, count: int) -> Raw:
    """Some steps of a run, after a few that warm up."""
    shards = None if run.together is None else run.together.shards
    for _ in range(_WARM_UP):
        run.advance()
    talk = None if shards is None else Talk(shards)
    before, seconds = 0 if shards is None else shards.sent_bytes, []
    cpu = time.process_time()
    for _ in range(count):
        begun = time.perf_counter()
        last = run.advance()
        seconds.append(time.perf_counter() - begun)
    return {
        "seconds": seconds,
        "cpu": (time.process_time() - cpu) / count,
        "loss": last.loss,
        "talk": 0.0 if talk is None else talk.seconds / count,
        "sent": 0 if shards is None else (shards.sent_bytes - before) / count,
    }


def connection(shards: Shards) -> Raw:
    """Seconds of a sum of one number, and bytes a second that each process sends while it receives as many."""
    one, times = torch.zeros(1), 200
    begun = time.perf_counter()
    for _ in range(times):
        shards.add_up(one)
    sum_s = (time.perf_counter() - begun) / times
    piece, into, other = torch.zeros(_PIECE, dtype=torch.uint8), torch.empty(_PIECE, dtype=torch.uint8), 1 - shards.rank
    shards.exchange({other: piece}, {other: into})
    begun = time.perf_counter()
    for _ in range(10):
        shards.exchange({other: piece}, {other: into})
    return {"sum_s": sum_s, "bytes_a_second": 10 * _PIECE / (time.perf_counter() - begun)}


def work(arguments: argparse.Namespace) -> None:
    """One of the processes; the first prints what it found as JSON."""
    torch.set_num_threads(1)
    values = {"size": arguments.size, "levels": 1, "iterations": arguments.steps + _WARM_UP, "lbfgs_metric": arguments.metric}
    settings = resolve({**values, "device": "cpu", "precision": "float32"})
    with joined(interrupted=lambda: False) as together:
        talks = {} if together is None else connection(together.shards)
        if together is not None and not together.first:
            serve(together)
        else:
            print(json.dumps(talks | steps(_prepared(settings, together), arguments.steps)))


def _prepared(settings: Any, together: Together | None) -> Run:
    return prepare(settings, gather(str(PHOTO), [str(STYLE)], settings), together=together)


def processes(count: int, *, size: int, metric: float, steps: int) -> Raw:
    """What the first of so many processes printed."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    line = [sys.executable, "-m", "benchmarks.sharded", "--work", "--size", str(size), "--metric", str(metric)]
    line += ["--steps", str(steps)]
    several = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)} if count > 1 else {}
    started = [
        subprocess.Popen(
            line,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **several, **({"RANK": str(rank)} if several else {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit("a process failed; what it said is above")
    result: Raw = json.loads(said[0])
    return result


def text(raw: Raw) -> str:
    """The table."""
    rows = []
    for name, pair in raw["runs"].items():
        one, two = (median(second for round_ in pair[who] for second in round_["seconds"]) for who in ("one", "two"))
        talk, sent = (median(round_[what] for round_ in pair["two"]) for what in ("talk", "sent"))
        share = median(
            median(with_two["seconds"]) / median(alone["seconds"])
            for alone, with_two in zip(pair["one"], pair["two"], strict=True)
        )
        cpus = [median(round_["cpu"] for round_ in pair[who]) for who in ("one", "two")]
        row = [milliseconds(one, 0), milliseconds(two, 0), number(share), *(milliseconds(cpu, 0) for cpu in cpus)]
        rows.append([name, *row, number(cpus[1] / cpus[0]), milliseconds(talk, 0), number(sent / 1e6, 1)])
    links = [round_ for pair in raw["runs"].values() for round_ in pair["two"]]
    return "\n".join(
        [
            machine.text(raw["machine"]),
            f"- {raw['steps']} steps from the photograph, {raw['rounds']} rounds in turn; each process has one thread",
            f"- the connection alone: a sum of one number {milliseconds(median(link['sum_s'] for link in links), 2)} ms, "
            f"{median(link['bytes_a_second'] for link in links) / 1e9:.2f} GB/s each way\n",
            markdown(["", *HEAD], rows),
        ]
    )


def main() -> None:
    """Prints the table; --out keeps the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--metric", type=float, default=0.5, help=argparse.SUPPRESS)
    parser.add_argument("--metrics", type=float, nargs="+", default=[0.5, 0.0], help="metrics of L-BFGS")
    parser.add_argument("--size", type=int, default=512, help="long side in px")
    parser.add_argument("--steps", type=int, default=12, help="steps that are timed")
    parser.add_argument("--rounds", type=int, default=2, help="how often both run")
    parser.add_argument("--out", type=Path, help="a JSON file for all numbers")
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments)
        return
    raw: Raw = {"machine": machine.describe(), "steps": arguments.steps, "rounds": arguments.rounds, "runs": {}}
    for metric in arguments.metrics:
        pair: dict[str, list[Raw]] = {"one": [], "two": []}
        for _ in range(arguments.rounds):
            for who, count in (("one", 1), ("two", 2)):
                pair[who].append(processes(count, size=arguments.size, metric=metric, steps=arguments.steps))
        raw["runs"][f"{arguments.size} px, metric {metric:g}"] = pair
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(raw, indent=1) + "\n", "utf-8")
    print(text(raw))


if __name__ == "__main__":
    main()
