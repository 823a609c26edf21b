"""Work on several threads is done once each, whether or not threads can be started."""

from __future__ import annotations

import threading

import pytest

from impasto.native import threads
from impasto.native.threads import on_threads


@pytest.mark.parametrize("startable", [0, 1, 3, 100])
def test_each_share_is_done_once_and_all_have_ended_when_it_returns(monkeypatch: pytest.MonkeyPatch, startable: int) -> None:
    threads._pool.cache_clear()
    start, left = threading.Thread.start, [startable]

    def limited(thread: threading.Thread) -> None:
        if left[0] == 0:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    for _ in range(50):
        done: list[int] = []
        ended = threading.Event()

        def work(at: int, done: list[int] = done, ended: threading.Event = ended) -> None:
            assert not ended.is_set()
            done.append(at)

        on_threads(work, 8)
        ended.set()
        assert sorted(done) == list(range(8))
    threads._pool().shutdown()
    threads._pool.cache_clear()
