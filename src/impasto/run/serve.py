"""The processes that are not the first: they get the run from it, and do what it orders until it ends.

Nothing is read from their own disks: inputs and network come over the wire, since they may be on other machines.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import torch
from torch import Tensor

from impasto.errors import ImpastoError, InvalidSettings, PeerLost, RunError
from impasto.evaluate.sharded import Shards
from impasto.ranks import asked_for
from impasto.run import device
from impasto.run.engine import Run
from impasto.run.inputs import decoded
from impasto.run.together import ADVANCE, BEST, END, PART, RESTORE, RUN, Together
from impasto.settings import parse
from impasto.vgg.architecture import Architecture
from impasto.vgg.precision import network, seconds
from impasto.vgg.weights import Convention, Weights

Share = Sequence[float] | Literal["measured"] | None
"""How much of the picture each process gets: in proportion to numbers, or to how fast each is; None is alike."""

_ALIKE: Final = "alike"


@contextlib.contextmanager
def joined(*, shares: Share = None, interrupted: Callable[[], bool]) -> Iterator[Together | None]:
    """The processes that torchrun started, as one run while inside; None for a process that is on its own.

    Raises PeerLost when they do not meet, InvalidSettings for shares that are not one a process.
    """
    if not asked_for():
        if shares is not None:
            raise InvalidSettings("--shares divides a picture among processes; start them with torchrun (docs/sharded.md)")
        yield None
        return
    together = Together(Shards(), interrupted=interrupted)
    try:
        if isinstance(shares, Sequence) and not isinstance(shares, str):
            _check(shares, together.shards.count)
        together.asked_shares = shares
        yield together
    except BaseException as error:
        if together.first and together.shards.whole:
            with contextlib.suppress(PeerLost):
                together.order(END)
            together.shards.leave()
        else:
            together.shards.leave(_words(error))
        raise
    else:
        together.order(END)
        together.shards.leave()


def _check(shares: Sequence[float], count: int) -> None:
    if len(shares) != count or min(shares) < 0 or sum(shares) <= 0:
        given = ",".join(f"{share:g}" for share in shares)
        raise InvalidSettings(f"--shares needs {count} numbers, one a process, 0 or more, got {given}", setting="shares")


def _words(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def hand_out(together: Together, run: Run) -> None:
    """Gives the others the run that the first process made, and settles who gets how much."""
    weights, inputs = run.vgg.weights, run.inputs
    shapes = {name: list(tensor.shape) for name, tensor in weights.tensors.items()}
    convention = weights.convention
    facts = {
        "settings": run.settings.model_dump(mode="json"),
        "precision": run.vgg.precision,
        "device": run.vgg.device.type,
        "names": {role: picture.name for role, picture in inputs.roles().items()},
        "paths": dict(inputs.paths),
        "architecture": [weights.architecture.name, weights.architecture.depths, weights.architecture.widths],
        "convention": [convention.channels, convention.range, convention.mean, convention.std],
        "sha256": weights.sha256,
        "source": weights.source,
        "tensors": shapes,
        "shares": together.asked_shares,
    }
    together.order(RUN)
    together.shards.tell(json.dumps(facts).encode())
    for picture in inputs.roles().values():
        together.shards.tell(picture.encoded)
    together.shards.tell(torch.cat([weights.tensors[name].float().flatten() for name in shapes]).cpu().numpy().tobytes())
    _settle_shares(together, run, together.asked_shares)


def _received(together: Together) -> Run:
    """The run that `hand_out` gave."""
    tell = together.shards.tell
    facts = json.loads(tell())
    encoded = {role: tell() for role in facts["names"]}
    settings = parse(facts["settings"])
    numbers = torch.frombuffer(bytearray(tell()), dtype=torch.float32)
    place = device.resolve(settings.device)
    if place.type != facts["device"]:
        raise InvalidSettings(
            f"the first process computes on {facts['device']}, this one on {place.type}; say which with --device"
        )
    vgg = network(_weights(facts, numbers), facts["precision"], pooling=settings.pooling, device=place)
    run = Run(settings, decoded(encoded, facts["names"], facts["paths"], settings), vgg, together=together)
    _settle_shares(together, run, facts["shares"])
    return run


def _weights(facts: Mapping[str, Any], numbers: Tensor) -> Weights:
    name, depths, widths = facts["architecture"]
    channels, full, mean, std = facts["convention"]
    tensors, at = {}, 0
    for key, shape in facts["tensors"].items():
        length = int(torch.Size(shape).numel())
        tensors[key] = numbers[at : at + length].view(shape)
        at += length
    return Weights(
        Architecture(name, tuple(depths), tuple(widths)),
        Convention(channels, full, tuple(mean), tuple(std)),
        tensors,
        sha256=facts["sha256"],
        source=facts["source"],
    )


def _settle_shares(together: Together, run: Run, asked: Share) -> None:
    """Agree on the shares; measured ones are in proportion to how often per second each passes through the network."""
    shards = together.shards
    if asked == "measured":
        speeds = torch.zeros(shards.count, dtype=torch.float64, device="cpu")
        speeds[shards.rank] = 1 / seconds(run.vgg)[0]
        shards.shares = shards.add_up(speeds).tolist()
    elif asked is not None:
        shards.shares = [float(share) for share in asked]


def serve(together: Together) -> None:
    """Does what the first process orders, until it ends."""
    run: Run | None = None
    while (order := together.listen()) != END:
        if order == RUN:
            run = _received(together)
        elif run is None:
            raise RuntimeError(f"{order} before there is a run")
        elif order == RESTORE:
            run.restore(json.loads(together.shards.tell()), together.spread({}, run.stride))
        elif order == ADVANCE:
            # It fails at the first process, too, which says so.
            with contextlib.suppress(RunError):
                run.advance()
        elif order == BEST:
            _ = run.best
        elif order.startswith(PART):
            together.send(run.tensors()[order.removeprefix(PART)])


def restore(together: Together, run: Run, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """All go to a state that the first process has read."""
    together.order(RESTORE)
    together.shards.tell(json.dumps(facts).encode())
    run.restore(facts, together.spread(tensors, run.stride))


__all__ = ["ImpastoError", "Share", "hand_out", "joined", "restore", "serve"]
