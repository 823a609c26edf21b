"""The processes of one run, and all that they say to each other: sums, pieces of tensors, and orders of the first one.

Only here torch.distributed is talked to: gloo between CPUs, NCCL between GPUs, at the rendezvous that torchrun's environment
variables name.  There is no limit to how long one may wait for another, since large steps and checkpoints take minutes; whether
the others are still alive is what watch.py knows.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from impasto.errors import PeerLost
from impasto.evaluate.sharded.watch import Watch, name
from impasto.losses import Statistic

_LONG: Final = timedelta(days=30)
_MEETING: Final = timedelta(minutes=5)


class Shards:
    """This process among those of a run: `rank` of `count`; `shares` say how much of a picture each owns."""

    def __init__(self, *, shares: Sequence[float] | None = None) -> None:
        """Meet the others; raise PeerLost when they do not come."""
        self.rank, self.count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.shares: Sequence[float] = [1.0] * self.count if shares is None else shares
        self.sent_bytes = 0
        """What this process sent so far."""
        self._broken: str | None = None
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        try:
            store, _, _ = next(iter(rendezvous("env://", timeout=_MEETING)))
            self._watch = Watch(
                PrefixStore("impasto", store.clone()), rank=self.rank, count=self.count, on_stuck=self._end_at_once
            )
            dist.init_process_group(backend, store=store, rank=self.rank, world_size=self.count, timeout=_LONG)
            self._watch.begin()
            self.add_up(torch.zeros(1, dtype=torch.float32, device="cpu"))
        except (RuntimeError, ValueError, OSError) as error:
            raise PeerLost(f"the {self.count} processes did not find each other: {_first_line(error)}") from None

    def add_up(self, numbers: Tensor) -> Tensor:
        """The sum over all processes, the same to the last bit on each."""
        if self.count == 1:
            return numbers
        total = numbers.detach().clone()
        with self._talking():
            dist.all_reduce(total)
        # By the ring: all but its own part on the way out, and again on the way back.
        self.sent_bytes += 2 * (self.count - 1) * total.nbytes // self.count
        return total

    def merge(self, statistics: Sequence[Statistic]) -> list[Statistic]:
        """Statistics with those of the other processes, in one message, in float64."""
        flat = [
            torch.cat([one.total.double().view(-1), one.total.new_tensor([one.count], dtype=torch.float64)]) for one in statistics
        ]
        merged = torch.split(self.add_up(torch.cat(flat)), [len(one) for one in flat])
        return [
            Statistic(numbers[:-1].view_as(one.total).to(one.total.dtype), float(count))
            for one, numbers, count in zip(statistics, merged, torch.stack([one[-1] for one in merged]).tolist(), strict=True)
        ]

    def agree(self, numbers: Tensor) -> Tensor:
        """An evaluation's numbers: J and its parts as the first process has them, and whether all gradients are finite.

        Nobody may decide otherwise than the others, though another machine may round otherwise.
        """
        own = numbers.clone() if self.rank == 0 else torch.zeros_like(numbers)
        own[-1] = numbers[-1]
        agreed = self.add_up(own).clone()
        agreed[-1] = agreed[-1] == self.count
        return agreed

    def exchange(self, to: Mapping[int, Tensor], by: Mapping[int, Tensor]) -> None:
        """Sends each process its tensor of `to`, and fills those of `by` with what each of them sends; empty ones go nowhere.

        All are contiguous; what goes to oneself is only copied.
        """
        if self.rank in by:
            by[self.rank].copy_(to[self.rank])
        calls = []
        for other, tensor in to.items():
            if other != self.rank and tensor.numel() > 0:
                calls.append(dist.P2POp(dist.isend, tensor, other))
                self.sent_bytes += tensor.nbytes
        calls += [
            dist.P2POp(dist.irecv, tensor, other) for other, tensor in by.items() if other != self.rank and tensor.numel() > 0
        ]
        if calls:
            with self._talking():
                for call in dist.batch_isend_irecv(calls):
                    call.wait()

    def tell(self, message: bytes = b"") -> bytes:
        """Return what the first process says; the message of others is not looked at."""
        if self.count == 1:
            return message
        with self._talking():
            length = torch.tensor([len(message)], dtype=torch.int64, device="cpu")
            dist.broadcast(length, 0)
            text = torch.frombuffer(bytearray(message), dtype=torch.uint8) if message and self.rank == 0 else None
            text = torch.empty(int(length), dtype=torch.uint8, device="cpu") if text is None else text
            if text.numel() > 0:
                dist.broadcast(text, 0)
        if self.rank == 0:
            self.sent_bytes += (self.count - 1) * (8 + text.numel())
        return text.numpy().tobytes()

    def break_up(self, reason: str) -> None:
        """From here on nothing can be said: something went wrong while the others were in the middle of a conversation."""
        self._broken = self._broken or reason

    @property
    def whole(self) -> bool:
        """Whether all processes are there."""
        return self._broken is None and self._watch.lost is None

    def leave(self, failure: str | None = None) -> None:
        """The end of it for this process; `failure`: why the others cannot go on without it."""
        if failure is not None and self._broken is None:
            failure = f"{name(self.rank, self.count)} failed: {failure}"
        self._watch.end(self._broken or failure)
        if failure is None and self._broken is None:
            with contextlib.suppress(RuntimeError):
                dist.destroy_process_group()

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Whatever goes wrong inside means that somebody is gone."""
        lost = self._broken or self._watch.lost
        if lost is not None:
            raise self._peer_lost(lost)
        try:
            yield
        except RuntimeError as error:
            raise self._peer_lost(self._watch.explain(_first_line(error))) from None

    def _peer_lost(self, who: str) -> PeerLost:
        self.break_up(who)
        return PeerLost(f"{who}, and with it its part of the picture", who=who)

    def _end_at_once(self, who: str) -> None:
        """In the thread that watches: this one waits in a library, or computes something long."""
        sys.stderr.write(f"impasto: {who}, and with it its part of the picture; ended\n")
        sys.stderr.flush()
        os._exit(PeerLost.exit_code)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
