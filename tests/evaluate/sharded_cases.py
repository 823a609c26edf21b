"""What several processes compute together, and one alone.

Run as a program with a folder for the results: all groups of processes at once, forked from one that has loaded PyTorch.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
from dataclasses import replace
from typing import Any

import torch
from tests.evaluate.cases import LAYERS, picture
from tests.evaluate.processes import free_port, together
from tests.samples import TINY, painting, photo, tiny_weights
from torch import Tensor

from impasto.evaluate import Whole
from impasto.evaluate.evaluation import evaluation
from impasto.evaluate.sharded import Sharded, ShardedSpectrum, ShardedSurvey, Shards, divide, gather, own_rows, stride_of
from impasto.losses import PIXELS
from impasto.objective import Objective, build
from impasto.optimize import Bounds, Lbfgs, Loop, Spectrum, Vectors
from impasto.presets import resolve
from impasto.vgg import Vgg

Results = dict[str, Any]

WEIGHTS: dict[str, Any] = {"normalize": "none", "content_weight": 3.0, "style_weight": 5.0, "variation_weight": 7.0}
_WAYS = [((75, 91), "equal", None), ((75, 91), "unequal", 32), ((16, 40), "equal", None), ((90, 33), "unequal", None)]
EVALUATIONS = [
    (pooling, layers, *way)
    for at, (pooling, layers) in enumerate(itertools.product(("max", "average"), range(len(LAYERS))))
    for way in (_WAYS[at % 4], _WAYS[(at + 1) % 4])
]
"""Each way with each pooling, and each layers with two ways per pooling; 16 rows are one row of cells: somebody owns nothing."""
EVALUATIONS_OF = {0: EVALUATIONS, 1: EVALUATIONS[::8], 2: EVALUATIONS[1::2], 3: EVALUATIONS[::2]}
"""The evaluations that so many processes do, 0 for one without company: the two ways of each pair are done by 2 and by 3."""
DEEP: dict[str, Any] = {"content_layers": {"conv4_2": 1.0}, "style_layers": {"conv1_1": 1.0, "conv5_1": 1.0}}
STEPS = 20
COUNTS = (1, 2, 3)
SEARCHES = [("max", 0.5, "project"), ("average", 0.0, "free")]


def shares(kind: str, count: int) -> list[float]:
    return [1.0] * count if kind == "equal" else [float(1 + rank) for rank in range(count)]


class One:
    """One process on the whole."""

    count = 0

    def begin(self, kind: str) -> None:
        pass

    def objective(self, settings: Any, vgg: Vgg, pictures: tuple[Tensor, list[Tensor]], tile_px: int | None) -> Objective:
        return build(settings, vgg, *pictures)

    def evaluator(self, vgg: Vgg, objective: Objective, size: tuple[int, int], tile_px: int | None) -> Any:
        return Whole(vgg, objective)

    def mine(self, x: Tensor) -> Tensor:
        return x

    def all(self, x: Tensor) -> Tensor:
        return x

    def vectors(self) -> Vectors:
        return Vectors()

    def metric(self, power: float) -> Any:
        return Spectrum(power)


class Several:
    """One of several."""

    def __init__(self, shards: Shards) -> None:
        self.shards, self.count = shards, shards.count

    def begin(self, kind: str) -> None:
        self.shards.shares = shares(kind, self.shards.count)

    def objective(self, settings: Any, vgg: Vgg, pictures: tuple[Tensor, list[Tensor]], tile_px: int | None) -> Objective:
        layers = (*(settings.content_layers), *(settings.style_layers))
        self.layers = vgg.path(layers)
        return build(settings, vgg, *pictures, survey=ShardedSurvey(self.shards, self.layers, tile_px))

    def evaluator(self, vgg: Vgg, objective: Objective, size: tuple[int, int], tile_px: int | None) -> Any:
        self.division = divide(size, self.shards.shares, stride=stride_of(vgg, self.layers))
        return Sharded(
            vgg, objective, self.shards, self.division, tile_px, PIXELS if tile_px is None else self.layers[len(self.layers) // 2]
        )

    def mine(self, x: Tensor) -> Tensor:
        return own_rows(self.shards, self.division, x)

    def all(self, x: Tensor) -> Tensor:
        return gather(self.shards, self.division, x, to_all=False)

    def vectors(self) -> Vectors:
        return Vectors(add_up=self.shards.add_up)

    def metric(self, power: float) -> Any:
        return ShardedSpectrum(power, self.shards, self.division)


def compute(who: One | Several) -> Results:
    results: Results = {}
    for key in EVALUATIONS_OF[who.count]:
        pooling, layers, size, kind, tile_px = key
        who.begin(kind)
        evaluate, x = begin(who, pooling, resolve({**WEIGHTS, **LAYERS[layers]}), size, tile_px)
        found = evaluate(who.mine(x))
        results[f"{key}"] = (found.value, dict(found.parts), who.all(found.gradient))
    who.begin("equal")
    evaluate, x = begin(who, "max", resolve(WEIGHTS), (75, 91), None)
    variation = [part for part in evaluate.objective.parts if part.part == "variation"]
    found = replace(evaluate, objective=replace(evaluate.objective, parts=variation))(who.mine(x))
    results["pixels only"] = (found.value, dict(found.parts), who.all(found.gradient))
    for key in SEARCHES:
        who.begin("unequal")
        results[f"{key}"] = search(who, *key)
    who.begin("equal")
    results["not finite"] = bad(who)
    return results


def begin(who: One | Several, pooling: Any, settings: Any, size: tuple[int, int], tile_px: int | None) -> tuple[Any, Tensor]:
    vgg = Vgg(tiny_weights(TINY), pooling=pooling, dtype=torch.float64)
    content, style, other, x = (
        picture(a, torch.float64) for a in (photo(*size), painting(37, 45), painting(40, 40, 3), photo(*size, seed=5))
    )
    objective = who.objective(settings, vgg, (content, [style, other]), tile_px)
    return who.evaluator(vgg, objective, size, tile_px), x.contiguous()


def search(who: One | Several, pooling: str, power: float, bounds: str) -> Any:
    """The losses of some steps of L-BFGS, and the picture after them."""
    evaluate, x = begin(who, pooling, resolve({**WEIGHTS, **DEEP}), (75, 90), None)
    vectors = who.vectors()
    optimizer = Lbfgs(
        history=5, bounds=Bounds(0.0, 1.0) if bounds == "project" else None, metric=who.metric(power), vectors=vectors
    )
    loop = Loop(evaluate, optimizer, who.mine(x), vectors=vectors)
    losses = []
    for _ in range(STEPS):
        good = loop.advance()
        losses.append(None if good is None else good[1].value)
    return losses, who.all(loop.x)


def bad(who: One | Several) -> list[tuple[bool, float]]:
    """What a process takes for finite, and for J, where that differs: a gradient finite at all, and not so at the last one."""
    if isinstance(who, One):
        return []
    rank, last = who.shards.rank, who.shards.count - 1
    found = []
    for gradient in (torch.ones(3), torch.full((3,), torch.nan if rank == last else 1.0)):
        seen = evaluation(torch.tensor(1.0 + rank), {"style": torch.tensor(2.0)}, gradient, agree=who.shards.agree)
        found.append((seen.finite, seen.value))
    return found


def member(folder: str, count: int, rank: int, port: int) -> None:
    """Compute as one of so many processes, and write what it found."""
    os.environ.update(together(count, rank, port))
    torch.set_num_threads(1)
    shards = Shards()
    found = compute(Several(shards))
    found["sent"] = shards.sent_bytes
    torch.save(found, f"{folder}/{count}.{rank}")
    shards.leave()


if __name__ == "__main__":
    forked = multiprocessing.get_context("fork")
    ports = {count: free_port() for count in COUNTS}
    processes = [
        forked.Process(target=member, args=(sys.argv[1], count, rank, ports[count])) for count in COUNTS for rank in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode != 0 for process in processes))
