"""Time until the peer's own final J is reached: neural-style-pt against impasto on the identical J.

neural-style-pt runs unmodified as its own process (peer_environment.py), from the photograph, and prints its J at each
evaluation.  What it prints is the measure, because it is the peer's own word in full precision: the picture it saves has 8 bits,
is clipped, and is worth another J (given for both, too).  Printing at each iteration costs seven numbers, not to be seen beside a
step.  L-BFGS without line search is not monotone, so the peer's time is when its J was first at or below its last one.

Both programs get the same two PNG files, already of the working size, so that neither resizes.  Before any race the peer's J, our
objective and the referee (reference.py) must agree to 1e-3: at the photograph, where both start and the content term is 0; at
another picture, term by term; and with the photograph as its own style, which leaves the variation alone.  If they do not, there
is nothing to compare, and this stops.  impasto searches as it likes; it is there when the referee says so, and until then its
time counts from the start of its process.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import peer_environment
from benchmarks.options import Options, Raw, run_alone
from benchmarks.pictures import pair, pixels
from benchmarks.race import Moment, Watched, peer_line, search_line, state_at, watch
from benchmarks.reference import JUDGES
from benchmarks.search import network_of, run_of
from benchmarks.table import loss, markdown, number, ratio
from impasto.evaluate import Whole
from impasto.images import write
from impasto.objective import build
from impasto.vgg import weights as networks

AGREEMENT: Final = 1e-3
SHARES: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
PRESET: Final = "neural-style"


@dataclass(frozen=True)
class Ground:
    """The folder where both run, with content.png, style.png and the peer's network; the peer's environment; the long side."""

    folder: Path
    environment: Path
    long_side: int

    @property
    def content(self) -> Path:
        """The photograph at the working size."""
        return self.folder / "content.png"

    @property
    def style(self) -> Path:
        """The painting at the working size."""
        return self.folder / "style.png"

    def peer(self, iterations: int) -> Watched:
        """The peer's run."""
        line = peer_environment.command(self.environment, long_side=self.long_side, iterations=iterations)
        return watch(line, peer_line, folder=self.folder)


def measure(options: Options) -> Raw:
    """All races, with the check before and the machine's pace around them."""
    if options.peer == "none":
        raise SystemExit("the race against the peer needs it; name an environment that holds neural-style with --peer")
    environment = peer_environment.environment(options.peer)
    with tempfile.TemporaryDirectory() as place:
        ground = Ground(Path(place), environment, options.race_size)
        pair(options.content, options.style, options.race_size, ground.folder)
        peer_environment.save_model(networks.load("vgg19"), ground.folder)
        agreed = agreement(ground)
        races = [race(options, ground) for _ in range(options.races)]
        height, width = pixels(ground.content).shape[2:]
    return {
        "size": [height, width],
        "iterations": options.race_iterations,
        "search": dict(options.search),
        "agreement": agreed,
        "peer": peer_environment.versions(environment),
        "races": races,
    }


def agreement(ground: Ground) -> list[Raw]:
    """J and its terms by the peer, by our objective and by the referee, at three places; stops when they are not one.

    These short runs also warm up: the peer's files are then in the system's cache.
    """
    content = pixels(ground.content)
    write(ground.folder / "mixed.png", (content + content.flip(3)) / 2, overwrite=True)
    rows: list[Raw] = []
    for place, style, start in (
        ("at the photograph", "style.png", "content.png"),
        ("at another picture", "style.png", "mixed.png"),
        ("variation alone", "content.png", "content.png"),
    ):
        theirs = first_terms(ground, style, start)
        ours = our_terms(ground.content, ground.folder / style, ground.folder / start)
        judged = JUDGES[PRESET](networks.load("vgg19"), content, pixels(ground.folder / style))(pixels(ground.folder / start))
        rows.append({"what": f"J {place}", "peer": theirs["total"], "ours": ours["total"], "referee": judged})
        if start == "mixed.png":
            rows += [
                {"what": f"{term} term {place}", "peer": theirs[term], "ours": ours[term], "referee": None}
                for term in ("content", "style")
            ]
    for row in rows:
        for who in ("ours", "referee"):
            if row[who] is not None and not apart(row[who], row["peer"]) <= AGREEMENT:
                raise SystemExit(
                    f"{row['what']} is {row['peer']:.7g} by the peer, {row[who]:.7g} by {who}: "
                    f"they minimise different functions, so there is nothing to compare"
                )
    return rows


def first_terms(ground: Ground, style: str, start: str) -> dict[str, float]:
    """What the peer prints at its first evaluation: the content term, the sum of the style terms, the total."""
    found = {"content": 0.0, "style": 0.0}

    def read(line: str, seconds: float) -> Moment | None:
        moment = peer_line(line, seconds)
        term = re.match(r"\s*(Content|Style) \d+ loss: (\S+)", line)
        if "total" not in found:
            if term is not None:
                found[term[1].lower()] += float(term[2])
            elif moment is not None:
                found["total"] = moment.loss
        return moment

    # Two iterations: with one, the peer's loop goes round twice.
    line = peer_environment.command(ground.environment, long_side=ground.long_side, iterations=2, style=style, start=start)
    watch(line, read, folder=ground.folder)
    return found


def our_terms(content: Path, style: Path, start: Path) -> dict[str, float]:
    """The same by our objective."""
    settings = run_of(PRESET, content, style, {}).settings
    vgg = network_of(settings)
    found = Whole(vgg, build(settings, vgg, pixels(content), [pixels(style)]))(pixels(start))
    alpha, beta, _ = settings.term_weights()
    return {"content": alpha * found.parts["content"], "style": beta * found.parts["style"], "total": found.value}


def apart(value: float, expected: float) -> float:
    """The relative difference."""
    return abs(value - expected) / max(abs(expected), 1e-30)


def race(options: Options, ground: Ground) -> Raw:
    """One run of the peer, one of ours to its final J, and the pace of the machine before, between and after."""
    paces = [paces_now(options, ground)]
    theirs = ground.peer(options.race_iterations)
    paces.append(paces_now(options, ground))
    judge = JUDGES[PRESET](networks.load("vgg19"), pixels(ground.content), pixels(ground.style))
    saved = judge(pixels(ground.folder / "peer.png"))
    line: list[str | Path] = [sys.executable, "-m", "benchmarks.search", ground.content, ground.style, "--preset", PRESET]
    line += search_options(options, options.search, theirs.final)
    ours = watch(line, search_line)
    paces.append(paces_now(options, ground))
    return {"peer": theirs.raw(), "peer_saved": saved, "ours": ours.raw(), "paces": paces}


def search_options(options: Options, search: Any, mark: float) -> list[str]:
    """The rest of a search's command line."""
    pairs = [f"{name}={'none' if value is None else value}" for name, value in search.items()]
    return [
        *(["--set", *pairs] if pairs else []),
        *("--mark", repr(mark)),
        *("--last-iterations", str(options.last_iterations)),
        *("--steps-beyond", str(options.steps_beyond)),
    ]


def paces_now(options: Options, ground: Ground) -> dict[str, float]:
    """GFLOP/s of a convolution in both environments."""
    ours = peer_environment.pace_of(Path(sys.executable), ground.folder, quick=options.quick)
    theirs = peer_environment.pace(ground.environment, quick=options.quick)
    return {"ours": ours["gflops"], "peer": theirs["gflops"]}


def again(raw: Raw) -> Watched:
    """What was watched, from its raw form."""
    moments = tuple(Moment(**moment) for moment in raw["moments"])
    return Watched(moments, raw["seconds"], raw["facts"])


def text(raw: Raw) -> str:
    """The tables of all races."""
    height, width = raw["size"]
    agreed = [
        [
            row["what"],
            *(loss(row[who]) for who in ("peer", "ours", "referee")),
            f"{max(apart(row[who], row['peer']) for who in ('ours', 'referee') if row[who] is not None):.1e}",
        ]
        for row in raw["agreement"]
    ]
    search = ", ".join(f"{name} {value if value is not None else 'by size'}" for name, value in raw["search"].items())
    parts = [
        f"### (b) Time until the peer's final J: neural-style-pt, {raw['iterations']} L-BFGS iterations, {width}×{height} px\n",
        f"Our search: {search or 'as the preset'}. That it is one function:\n",
        markdown(["", "neural-style-pt", "impasto", "referee", "largest relative difference"], agreed),
        "",
    ]
    for index, one in enumerate(raw["races"]):
        if len(raw["races"]) > 1:
            parts.append(f"\nRace {index + 1} of {len(raw['races'])}\n")
        parts += _race_text(one)
    return "\n".join(parts)


def _race_text(raw: Raw) -> list[str]:
    theirs, ours = again(raw["peer"]), again(raw["ours"])
    mark = theirs.final
    their_time, our_time = theirs.reaches(mark), ours.facts.get("reached_s")
    their_step, our_step = theirs.step_seconds(), ours.step_seconds()
    rows = [
        ["J to reach (the peer's last)", loss(mark), loss(ours.facts.get("referee")), ""],
        ["seconds until it is reached", number(their_time, 1), number(our_time, 1), ratio(their_time, our_time)],
        ["evaluations until then", str(_count(theirs, their_time)), str(_count(ours, our_time)), ""],
        ["seconds to the first J", number(theirs.moments[0].seconds), number(ours.moments[0].seconds), ""],
        ["seconds a step at full size, median", number(their_step["median"], 3), number(our_step["median"], 3), ""],
        ["… 10th to 90th percentile", _between(their_step), _between(our_step), ""],
        ["J of the finished 8-bit picture", loss(raw["peer_saved"]), loss(ours.facts["finished"]), ""],
    ]
    rows[4][3] = ratio(their_step["median"], our_step["median"])
    paces = raw["paces"]
    rows += [
        [f"GFLOP/s of a direct convolution {when}", number(pace["peer"], 1), number(pace["ours"], 1), ""]
        for when, pace in zip(("before", "between", "after"), paces, strict=True)
    ]
    levels = " → ".join(f"{width}×{height} ({iterations})" for height, width, iterations in ours.facts["levels"])
    table = markdown(["", "neural-style-pt", "impasto", "peer ÷ ours"], rows)
    times = [share * theirs.moments[-1].seconds for share in SHARES]
    over_time = markdown(
        ["seconds since start", "J of neural-style-pt", "J of impasto"],
        [[number(seconds, 1), state_at(theirs, seconds), state_at(ours, seconds)] for seconds in times],
    )
    missed = [] if our_time is not None else ["**impasto did not reach the mark.**\n"]
    return [*missed, table, f"\nimpasto's levels (most iterations): {levels}.\n", over_time, ""]


def _count(watched: Watched, until: float | None) -> int | str:
    return "–" if until is None else sum(moment.seconds <= until for moment in watched.moments)


def _between(found: dict[str, float]) -> str:
    return f"{found['p10']:.3f}–{found['p90']:.3f}"


if __name__ == "__main__":
    run_alone(__doc__, measure, text)
