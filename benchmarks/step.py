"""The time of a step against its floor, layer by layer, so that what is above the floor can be seen.

A step is what the default preset does at each iteration at 512×384: J and its gradient on the whole picture, and one step of the
optimiser with its memory full.  Its floor is its arithmetic over the best rate of a convolution in the same run:

- arithmetic: 2·9·C_in·C_out·h·w for a convolution and as much again for its gradient; 2·C²·n for a Gram matrix, likewise
- best rate: of PyTorch's own direct convolution, float32, channels last, the best of all layers and both directions; and, as a
  second floor, the fastest of anything in this run, the network's own blocks included: an algorithm with fewer multiplications
  (Winograd) is credited with the direct one's.

A layer's own time is a difference, forward and backward: `vgg.features(x, [layer])` less the same up to the layer before,
measured next to each other.  So it holds whatever the network does there, the ReLU and the pooling before it included, and needs
no view inside; a difference of two measurements, it may be small or below 0 by chance.  The first block is not what a step does
with it, which is to let it go by in bands: that it costs something else is part of the last line, which is what all others leave.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.options import Options, Raw, run_alone
from benchmarks.table import markdown, milliseconds, number, ratio
from benchmarks.timing import spread, timed
from impasto import presets
from impasto.evaluate import Whole
from impasto.evaluate.allocator import keep_freed_memory
from impasto.images import fit, read, resize
from impasto.losses import PIXELS, pull
from impasto.objective import Objective, Part, build
from impasto.run.engine import optimizer_for
from impasto.settings import Settings
from impasto.vgg import Vgg, load
from impasto.vgg.architecture import Conv

SIZE: Final = (384, 512)
QUICK_SIZE: Final = (32, 48)
SHARE_OF_A_RATE: Final = 0.05
"""A block with less than this share of the arithmetic says too little about a rate."""

Work = Callable[[], object]
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Ground:
    """What is measured: the network, the objective at its size, the picture [1, 3, H, W], and the convolutions to the deepest."""

    settings: Settings
    vgg: Vgg
    goal: Objective
    rgb: Tensor
    convs: tuple[Conv, ...]

    def cells(self, conv: Conv) -> tuple[int, int]:
        """(height, width) of a layer."""
        return self.rgb.shape[2] // conv.stride, self.rgb.shape[3] // conv.stride

    def flops(self, conv: Conv) -> float:
        """Multiplications and additions of a convolution in one direction."""
        height, width = self.cells(conv)
        return 2.0 * 9 * conv.channels_in * conv.channels_out * height * width

    def gram_flops(self, layer: str) -> float:
        """Multiplications and additions of a layer's Gram matrix in one direction."""
        conv = next(conv for conv in self.convs if conv.name == layer)
        height, width = self.cells(conv)
        return 2.0 * conv.channels_out**2 * height * width


def ground(options: Options) -> Ground:
    """The default preset at the measured size, without its margin, so that the layers have the size that is named."""
    settings = presets.resolve({"device": "cpu"})
    size = QUICK_SIZE if options.quick else SIZE
    content = resize(read(options.content).rgb[None], size)
    style = read(options.style).rgb[None]
    style = resize(style, fit((style.shape[2], style.shape[3]), max(size)))
    vgg = load(settings.network, pooling=settings.pooling)
    goal = build(settings, vgg, content, [style])
    deepest = vgg.architecture.index(vgg.architecture.deepest(goal.layers))
    return Ground(settings, vgg, goal, content, vgg.architecture.convs[: deepest + 1])


def measure(options: Options) -> Raw:
    """All timings, round by round, so that a slow moment of the machine falls on all of them, after a round that warms up."""
    keep_freed_memory()
    here = ground(options)
    times: Times = defaultdict(list)
    if not options.quick:
        one_round(here)
    for _ in range(options.repetitions):
        for name, seconds in one_round(here).items():
            times[name].append(seconds)
    return {
        "size": list(here.rgb.shape[2:]),
        "repetitions": options.repetitions,
        "history": here.settings.lbfgs_history,
        "optimizer": here.settings.optimizer,
        "layers": [
            {
                "name": conv.name,
                "stride": conv.stride,
                "flops": here.flops(conv),
                "channels": [conv.channels_in, conv.channels_out],
            }
            for conv in here.convs
        ],
        "gram_flops": {part.term.layer: here.gram_flops(part.term.layer) for part in here.goal.parts if part.part == "style"},
        "seconds": dict(times),
    }


def one_round(here: Ground) -> dict[str, float]:
    """Seconds of everything, once."""
    found: dict[str, float] = {}
    before = (0.0, 0.0)
    for conv in here.convs:
        forward, backward = there_and_back(up_to(here.vgg, conv.name), here.rgb)
        found[f"own forward {conv.name}"], found[f"own backward {conv.name}"] = forward - before[0], backward - before[1]
        before = forward, backward
        found |= direct(here, conv)
    found["network forward"], found["network backward"] = before
    found["evaluation"], _ = timed(lambda: Whole(here.vgg, here.goal)(here.rgb))
    found |= terms(here)
    found |= around(here)
    found["optimiser"] = optimiser_step(here)
    return found


def up_to(vgg: Vgg, layer: str) -> Callable[[Tensor], Tensor]:
    """The network from the picture to a layer."""
    return lambda rgb: vgg.features(rgb, [layer])[layer]


def there_and_back(work: Callable[[Tensor], Tensor], x: Tensor) -> tuple[float, float]:
    """Seconds of a function of x, and of its gradient from a random one."""
    x = x.detach().clone().requires_grad_()
    forward, y = timed(lambda: work(x))
    upstream = torch.randn_like(y)
    backward, _ = timed(lambda: torch.autograd.grad(y, x, upstream))
    return forward, backward


def direct(here: Ground, conv: Conv) -> dict[str, float]:
    """PyTorch's own convolution of the layer's shape, channels last, and its gradient in the input."""
    x = torch.randn(1, conv.channels_in, *here.cells(conv)).contiguous(memory_format=torch.channels_last)
    kernel = torch.randn(conv.channels_out, conv.channels_in, 3, 3).contiguous(memory_format=torch.channels_last)
    bias = torch.randn(conv.channels_out)
    forward, backward = there_and_back(lambda x: F.conv2d(x, kernel, bias, padding=1), x)
    return {f"direct forward {conv.name}": forward, f"direct backward {conv.name}": backward}


def terms(here: Ground) -> dict[str, float]:
    """Each term of the objective alone: measured, scored, and its gradient added to another, as a step does it."""
    with torch.no_grad():
        features = here.vgg.features(here.rgb, here.goal.layers)
    found: dict[str, float] = defaultdict(float)
    for part in here.goal.parts:
        x = here.rgb if part.term.layer == PIXELS else features[part.term.layer]
        seconds, _ = timed(term_alone(part, x))
        found[f"term {part.part} {part.term.layer}"] += seconds
    return dict(found)


@torch.no_grad()
def term_alone(part: Part, x: Tensor) -> Callable[[], Tensor]:
    """What a step does with one term at features x."""
    goal, gradient = Objective([part], {part.part: 1.0}), torch.zeros_like(x)

    def there_and_back() -> Tensor:
        with torch.no_grad():
            _, _, (upstream,) = goal.slopes([part.term.measure(x)])
            return pull(part.term, x, upstream, gradient)

    return there_and_back


def around(here: Ground) -> dict[str, float]:
    """ReLU and pooling of all layers alone, in PyTorch's own form, there and back; they are part of the layers' own times."""
    relu = pooling = 0.0
    pool = torch.nn.MaxPool2d(2) if here.settings.pooling == "max" else torch.nn.AvgPool2d(2)
    stride = 1
    for conv in here.convs:
        if conv.stride != stride:
            shape = (1, conv.channels_in, here.rgb.shape[2] // stride, here.rgb.shape[3] // stride)
            stride = conv.stride
            x = torch.randn(shape).contiguous(memory_format=torch.channels_last)
            pooling += sum(there_and_back(pool, x))
        x = torch.randn(1, conv.channels_out, *here.cells(conv)).contiguous(memory_format=torch.channels_last)
        relu += sum(there_and_back(F.relu, x))
    return {"relu": relu, "pooling": pooling}


def optimiser_step(here: Ground) -> float:
    """One step with a full memory, filled on a quadratic that costs nothing to evaluate."""
    optimizer = optimizer_for(here.settings)
    generator = torch.Generator().manual_seed(0)
    curvature = torch.rand(here.rgb.shape, generator=generator) + 0.5
    x = torch.rand(here.rgb.shape, generator=generator)
    pairs = here.settings.lbfgs_history + 1 if here.settings.optimizer == "lbfgs" else 1
    for _ in range(pairs):
        optimizer.step(x, curvature * (x - 0.5))
        x = (x + 0.01 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    return timed(lambda: optimizer.step(x, curvature * (x - 0.5)))[0]


def text(raw: Raw) -> str:
    """The step against its floors, then layer by layer, then what is no convolution."""
    seconds = {name: median(values) for name, values in raw["seconds"].items()}
    layers = raw["layers"]
    rates = [layer["flops"] / seconds[f"direct {way} {layer['name']}"] for layer in layers for way in ("forward", "backward")]
    best_direct = max(rates)
    fastest = max([best_direct, *own_rates(layers, seconds)])
    flops = 2 * sum(layer["flops"] for layer in layers) + 2 * sum(raw["gram_flops"].values())
    size = f"{raw['size'][1]}×{raw['size'][0]}"
    return "\n".join(
        [
            f"### (a) Step against its floor: {size} px, default preset, median of {raw['repetitions']}\n",
            _whole(raw, seconds, flops, best_direct, fastest),
            "\nLayer by layer, in milliseconds; own: whatever the network does there, with its ReLU and the pooling before it\n",
            _per_layer(layers, seconds, best_direct),
            "\nWhere a step goes\n",
            _shares(raw, seconds),
            "",
        ]
    )


def own_rates(layers: Sequence[Mapping[str, Any]], seconds: Mapping[str, float]) -> list[float]:
    """FLOP/s of the network's own blocks, by direction: single layers are too small a difference between two timings."""
    total = sum(layer["flops"] for layer in layers)
    blocks: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for layer in layers:
        blocks[layer["stride"]].append(layer)
    rates = []
    for block in blocks.values():
        flops = sum(layer["flops"] for layer in block)
        for way in ("forward", "backward"):
            spent = sum(seconds[f"own {way} {layer['name']}"] for layer in block)
            if flops >= SHARE_OF_A_RATE * total and spent > 0:
                rates.append(flops / spent)
    return rates


def _whole(raw: Raw, seconds: Mapping[str, float], flops: float, best_direct: float, fastest: float) -> str:
    step = seconds["evaluation"] + seconds["optimiser"]
    between = spread(raw["seconds"]["evaluation"])
    rows = [
        ["arithmetic of a step, GFLOP", number(flops / 1e9, 1)],
        ["best rate of a direct convolution, GFLOP/s", number(best_direct / 1e9, 1)],
        ["fastest rate of anything here, GFLOP/s", number(fastest / 1e9, 1)],
        ["floor at the direct rate, ms", milliseconds(flops / best_direct)],
        ["floor at the fastest rate, ms", milliseconds(flops / fastest)],
        ["**step, ms**", milliseconds(step)],
        ["J and gradient, 10th to 90th percentile, ms", f"{milliseconds(between['p10'])}–{milliseconds(between['p90'])}"],
        ["**step ÷ floor at the direct rate**", ratio(step, flops / best_direct)],
        ["**step ÷ floor at the fastest rate**", ratio(step, flops / fastest)],
        ["step, GFLOP/s", number(flops / step / 1e9, 1)],
    ]
    return markdown(["", ""], rows)


def _per_layer(layers: Sequence[Mapping[str, Any]], seconds: Mapping[str, float], best_direct: float) -> str:
    rows = []
    for layer in layers:
        name, flops = layer["name"], layer["flops"]
        own = [seconds[f"own {way} {name}"] for way in ("forward", "backward")]
        raw = [seconds[f"direct {way} {name}"] for way in ("forward", "backward")]
        floor = 2 * flops / best_direct
        rows.append(
            [
                name,
                number(2 * flops / 1e9, 1),
                *(milliseconds(value) for value in (*raw, *own, floor)),
                number(2 * flops / sum(raw) / 1e9, 1),
                number(2 * flops / sum(own) / 1e9, 1),
                milliseconds(sum(own) - floor),
                ratio(sum(own), floor),
            ]
        )
    head = ["layer", "GFLOP", "direct forward", "direct backward", "own forward", "own backward", "floor"]
    return markdown([*head, "direct GFLOP/s", "own GFLOP/s", "own above floor", "own ÷ floor"], rows)


def _shares(raw: Raw, seconds: Mapping[str, float]) -> str:
    step = seconds["evaluation"] + seconds["optimiser"]
    network = seconds["network forward"] + seconds["network backward"]
    parts = {name.removeprefix("term "): value for name, value in seconds.items() if name.startswith("term ")}
    rest = seconds["evaluation"] - network - sum(parts.values())
    memory = f", {raw['history']} pairs" if raw["optimizer"] == "lbfgs" else ""
    rows: list[tuple[str, float]] = [
        ("network, forward", seconds["network forward"]),
        ("network, backward", seconds["network backward"]),
        ("… of both, ReLU (measured alone)", seconds["relu"]),
        ("… of both, pooling (measured alone)", seconds["pooling"]),
        *((f"term {name}, there and back", value) for name, value in parts.items()),
        ("rest of J and gradient: sums of gradients, other layouts", rest),
        (f"optimiser ({raw['optimizer']}{memory})", seconds["optimiser"]),
        ("**step**", step),
    ]
    return markdown(["", "ms", "share"], [[name, milliseconds(value), f"{value / step:.1%}"] for name, value in rows])


if __name__ == "__main__":
    run_alone(__doc__, measure, text)
