"""What a run asks when several processes make its picture: the first one leads, the others do the same work on their bands.

The first process alone decides.  Before each thing that needs all of them it gives an order, for which the others wait
(serve.py); so it may take what time it likes to read, write and print.  What all hold is a band of rows of x, of the gradient, of
the best picture and of the optimiser's state.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from impasto.checkpoint import Later
from impasto.errors import RunError
from impasto.evaluate import Evaluator
from impasto.evaluate.memory import Plan
from impasto.evaluate.sharded import (
    Division,
    Sharded,
    ShardedSpectrum,
    ShardedSurvey,
    Shards,
    divide,
    gather,
    own_rows,
    scatter,
)
from impasto.objective import Objective
from impasto.optimize import Vectors
from impasto.vgg import Vgg

ADVANCE, BEST, PART, RUN, RESTORE, END = "advance", "best", "part ", "run", "restore", "end"
"""The orders; of `PART` the name of a tensor follows."""


class Together:
    """This process's part in a run; `interrupted` says whether it was asked to stop."""

    def __init__(self, shards: Shards, *, interrupted: Callable[[], bool] = lambda: False) -> None:
        self.shards = shards
        self.vectors = Vectors(add_up=shards.add_up)
        self.asked_shares: Sequence[float] | Literal["measured"] | None = None
        """How the picture is to be divided, as the first process was told."""
        self._interrupted = interrupted
        self._asked_to_stop = False
        self._division: Division | None = None

    @property
    def first(self) -> bool:
        """Whether this process leads."""
        return self.shards.rank == 0

    @property
    def asked_to_stop(self) -> bool:
        """Whether any process was asked to stop before the latest step."""
        return self._asked_to_stop

    @property
    def division(self) -> Division:
        """Of the level at hand, or of the one before while there is none."""
        if self._division is None:
            raise RuntimeError("a run divides its picture when it enters a level")
        return self._division

    # The first process speaks, the others listen.

    def order(self, words: str) -> None:
        """Tells the others what comes next; they know already."""
        if self.first:
            self.shards.tell(words.encode())

    def listen(self) -> str:
        """The next order."""
        return self.shards.tell().decode()

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Enter around a step.  A run fails everywhere at the same point; whatever else happens, happens here only."""
        self.order(ADVANCE)
        asked = self.shards.add_up(torch.tensor([float(self._interrupted())], dtype=torch.float32, device="cpu"))
        self._asked_to_stop = self._asked_to_stop or float(asked) > 0
        try:
            yield
        except RunError:
            raise
        except BaseException:
            self.shards.break_up("the step before failed")
            raise

    # Bands and wholes.

    def enter(self, size: tuple[int, int], stride: int) -> None:
        """From here on pictures have this size (height, width), and are cut at multiples of the stride."""
        self._division = divide(size, self.shards.shares, stride=stride)

    def own(self, whole: Tensor) -> Tensor:
        """Our band of a picture that all have."""
        return own_rows(self.shards, self.division, whole)

    def all(self, band: Tensor) -> Tensor:
        """The whole picture, for all."""
        return gather(self.shards, self.division, band, to_all=True)

    def best(self, band: Tensor) -> Tensor:
        """What `for_first` gives, when the first process wants to have it."""
        self.order(BEST)
        return self.for_first(band)

    def for_first(self, band: Tensor) -> Tensor:
        """The whole picture, for the first process; without rows for the others."""
        return gather(self.shards, self.division, band, to_all=False)

    def seen(self, size: tuple[int, int], stride: int, margin: int) -> tuple[int, int]:
        """The height and width of what this process computes of a canvas (height, width): its band, and a margin around it."""
        near = divide(size, self.shards.shares, stride=stride).near(self.shards.rank, above=margin, below=margin)
        return max(stride, near.stop - near.start), size[1]

    def evaluator(self, vgg: Vgg, objective: Objective, plan: Plan) -> Evaluator:
        """One for our band, of which it is the plan."""
        return Sharded(vgg, objective, self.shards, self.division, plan.tile_px, plan.kept_from)

    def survey(self, layers: tuple[str, ...], plan: Plan) -> ShardedSurvey:
        """Of the layers for which the picture is divided."""
        return ShardedSurvey(self.shards, layers, plan.tile_px)

    def metric(self, power: float) -> ShardedSpectrum:
        """L-BFGS's, on bands."""
        return ShardedSpectrum(power, self.shards, self.division)

    # A checkpoint is that of one process.

    def later(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor | Later]:
        """A run's tensors as one process would have them, each fetched when it is needed: there may be no room for all."""
        height, width = self.division.size
        whole: dict[str, Tensor | Later] = {}
        for name, tensor in tensors.items():
            shape = (1, 3, height, width) if tensor.ndim == 4 else (3 * height * width,)
            whole[name] = tensor if tensor.ndim == 0 else Later(tensor.dtype, shape, partial(self._fetch, name, tensor, shape))
        return whole

    def _fetch(self, name: str, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        self.order(PART + name)
        return self.send(tensor).view(shape)

    def send(self, tensor: Tensor) -> Tensor:
        """A band, long vectors among them, to the first process, which gets the whole [1, 3, H, W], on the CPU."""
        band = tensor.detach().view(self.division.shape(self.shards.rank)).cpu()
        return self.for_first(band)

    def spread(self, tensors: Mapping[str, Tensor], stride: int) -> dict[str, Tensor]:
        """Return our own part of a saved run's tensors, which only the first process has."""
        kinds = [(name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)) for name, tensor in tensors.items()]
        kinds = json.loads(self.shards.tell(json.dumps(kinds).encode()))
        size = next(tuple(shape[2:]) for _, _, shape in kinds if len(shape) == 4)
        self.enter((size[0], size[1]), stride)
        own = {}
        for name, dtype, shape in kinds:
            like = torch.empty(0, dtype=getattr(torch, dtype), device="cpu")
            given = tensors.get(name) if self.first else None
            if len(shape) > 0:
                whole = None if given is None else given.view(1, 3, *self.division.size)
                band = scatter(self.shards, self.division, whole, like)
                own[name] = band if len(shape) == 4 else band.view(-1)
            else:
                text = self.shards.tell(b"" if given is None else given.numpy().tobytes())
                own[name] = torch.frombuffer(bytearray(text), dtype=like.dtype).view(())
        return own
