"""A server of a real queue in SQLite, without a worker: tests write what a worker would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.server.faked import BASE, TestClient, Work

from impasto.jobs import Queue, open_store
from impasto.server.access import Access
from impasto.server.app import build
from impasto.server.limits import Limits
from impasto.server.pictures import Pictures
from impasto.server.services import Services

Make = Callable[..., TestClient]


@pytest.fixture(scope="session")
def pictures() -> Iterator[Pictures]:
    """One process for all tests: it takes seconds to load."""
    shared = Pictures()
    shared.warm_up()
    yield shared
    shared.close()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    queue = Queue(open_store(tmp_path / "studio"))
    yield queue
    queue.close()


@pytest.fixture
def make(queue: Queue, pictures: Pictures) -> Make:
    """Clients of servers of the queue, with limits and tokens."""

    def client(*tokens: str, loopback: bool = True, limits: Limits | None = None) -> TestClient:
        services = Services(queue, access=Access(tokens, loopback=loopback), limits=limits, pictures=pictures)
        return TestClient(build(services), base_url=BASE)

    return client


@pytest.fixture
def client(make: Make) -> TestClient:
    return make()


@pytest.fixture(scope="session")
def shared(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """For tests after which nothing is other than before."""
    queue = Queue(open_store(tmp_path_factory.mktemp("shared") / "studio"))
    yield TestClient(build(Services(queue, pictures=pictures)), base_url=BASE)
    queue.close()


@pytest.fixture
def work(queue: Queue) -> Work:
    return Work(queue)
