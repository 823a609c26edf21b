"""What is said before and during a run, against what came: time left, memory, and the time from the command to the first step.

    python benchmarks/forecast.py                                 # the picture of `make demo`, 512 px
    python benchmarks/forecast.py size=1024 optimizer=adam        # any setting; also content=FILE, style=FILE

Laws: the time left is right within 20 % from 5 to 95 % of the run (in its last seconds single steps decide, so the error of
these is printed in seconds); the first step begins within 3 s.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil

from impasto import presets
from impasto.duration import duration
from impasto.evaluate.allocator import keep_freed_memory
from impasto.run import Step, gather, prepare
from impasto.run.forecast import expected_line
from impasto.run.target import Target
from impasto.run.to_file import ToFile

EXAMPLES = Path(__file__).parents[1] / "examples"
LAW, FROM, UNTIL = 0.20, 0.05, 0.95


def peak_rss() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def since_start() -> float:
    """Seconds since this process was started.  Both from the boot, since the boot itself is known to the second only."""
    started: float = psutil.Process().create_time() - psutil.boot_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def report(steps: list[tuple[float, Step]], begun: float) -> tuple[float, float]:
    """A line at each 5 % of the time; the largest relative error of the time left while the law holds, and in seconds after."""
    end = steps[-1][0]
    worst, last, due = 0.0, 0.0, 0.0
    print(f"{'done':>6} {'level':>6} {'left':>10} {'really':>10} {'error':>7}")
    for now, step in steps[:-1]:
        share, really = (now - begun) / (end - begun), end - now
        error = step.seconds_left / really - 1
        if FROM <= share <= UNTIL:
            worst = max(worst, abs(error))
        elif share > UNTIL:
            last = max(last, abs(error) * really)
        if share >= due:
            print(f"{share:6.1%} {step.level:>6} {step.seconds_left:9.1f}s {really:9.1f}s {error:+7.1%}")
            due = share + 0.05 if share >= FROM else share + 0.01
    return worst, last


def main() -> None:
    """Makes the picture in a temporary folder, and compares."""
    keep_freed_memory()
    values = dict(argument.split("=", 1) for argument in sys.argv[1:])
    content = values.pop("content", str(EXAMPLES / "photos" / "temple.jpg"))
    style = values.pop("style", str(EXAMPLES / "styles" / "flow.jpg"))
    settings = presets.resolve(values)
    run = prepare(settings, gather(content, [style], settings))
    print(expected_line(run))
    seconds, memory = run.seconds_left(), run.budget.peak_bytes(run.budget.plans)
    startup = since_start()
    steps: list[tuple[float, Step]] = []
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:

        def note(step: Step) -> None:
            # Without the picture, which would keep the memory of all of them.
            steps.append((time.perf_counter(), replace(step, picture=step.picture.new_empty(0))))

        ToFile(run, Target(Path(folder) / "picture.png")).make(on_step=note)
    took = steps[-1][0] - begun
    worst, last = report(steps, begun)
    print(f"start   {startup:.2f} s from the process's start to the first step's")
    print(f"time    expected {duration(seconds)}, took {duration(took)}: {seconds / took - 1:+.1%}")
    print(f"memory  expected {memory / 2**20:.0f} MiB, peak {peak_rss() / 2**20:.0f} MiB: {memory / peak_rss() - 1:+.1%}")
    verdict = "holds" if worst <= LAW else "FAILS"
    print(f"left    largest error from {FROM:.0%} to {UNTIL:.0%}: {worst:.1%} ({verdict}: {LAW:.0%}); after that {last:.1f} s")
    sys.exit(worst > LAW)


if __name__ == "__main__":
    main()
