"""Who is gone is found out, and told from who has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import torch.distributed as dist

from impasto.evaluate.sharded import watch
from impasto.evaluate.sharded.watch import Watch


@pytest.fixture(autouse=True)
def a_fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BEAT_S", 0.02)
    monkeypatch.setattr(watch, "GRACE_S", 0.1)


@pytest.fixture
def pair() -> Iterator[tuple[Watch, Watch, list[str]]]:
    """Two that watch each other, of which the second is begun by the test; and what the first one was ended with."""
    store, stuck = dist.HashStore(), list[str]()
    one, other = (Watch(store, rank=rank, count=2, on_stuck=stuck.append) for rank in range(2))
    one.begin()
    yield one, other, stuck
    one.end()
    other.end()


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end and not true():
        time.sleep(0.01)
    return true()


def test_one_that_falls_silent_is_gone_and_a_process_that_waits_for_it_is_ended(pair: tuple[Watch, Watch, list[str]]) -> None:
    one, _, stuck = pair
    assert until(lambda: one.lost is not None)
    assert one.lost == "process 2 of 2 is gone"
    assert until(lambda: stuck == ["process 2 of 2 is gone"])


def test_one_that_counts_is_there(pair: tuple[Watch, Watch, list[str]]) -> None:
    one, other, _ = pair
    other.begin()
    time.sleep(3 * watch.SILENT * watch.BEAT_S)
    assert one.lost is None


def test_one_that_has_ended_is_not_gone(pair: tuple[Watch, Watch, list[str]]) -> None:
    one, other, _ = pair
    other.end()
    time.sleep(3 * watch.SILENT * watch.BEAT_S)
    assert one.lost is None


def test_one_that_failed_says_why(pair: tuple[Watch, Watch, list[str]]) -> None:
    one, other, _ = pair
    other.end("process 2 of 2 failed: the disk is full")
    assert one.explain("connection closed") == "process 2 of 2 failed: the disk is full"
