"""A server from its start to its end: it claims the data location, binds the port, runs workers, and at the end all is saved."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn

from impasto.errors import ImpastoError, InputError, Unavailable
from impasto.files import output_error
from impasto.jobs import Queue, Store, open_store
from impasto.jobs.log import log_to_stderr
from impasto.jobs.store import Folder
from impasto.jobs.supervise import Workers
from impasto.server import vanished
from impasto.server.access import Access, is_loopback
from impasto.server.app import build
from impasto.server.data_watch import DataWatch
from impasto.server.limits import Limits
from impasto.server.patience import Impatient
from impasto.server.services import Services
from impasto.server.temporary import temporary_files
from impasto.storage import locks

try:
    import resource
except ImportError:  # Windows, where the number of open files has no limit to be raised
    resource = None  # type: ignore[assignment]

WORKERS_STOP_S: Final = 120.0
"""For workers to finish their step and save what they have."""

_ANSWERS_STOP_S: Final = 10
_CONNECTIONS: Final = 2000
"""Open at once; beyond that uvicorn answers 503 itself.  Far more than event streams, so that those are refused in words."""

_FIRST_SWEEP_S: Final = 600.0
"""A page that was open since yesterday has asked for an estimate of its files by then, and they count as used."""

_SWEEP_S: Final = 3600.0

_OTHER_FILES: Final = 200
"""Open files that are no connections."""


@dataclass(frozen=True)
class Options:
    """How a server is to run.  `data`: a folder or an fsspec URL; `database`: None is a file in the folder."""

    data: str
    host: str = "127.0.0.1"
    port: int = 8000
    database: str | None = None
    tokens: Sequence[str] = ()
    origins: Sequence[str] = ()
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    log_level: str = "info"


def serve(options: Options, on_ready: Callable[[str], object]) -> None:
    """Serve until it is asked to end; `on_ready` gets the address.

    Raises:
        InputError: An open address without a token, a port that is taken, a data location that another server has.
        Unavailable: The data went away while it served.
    """
    access = Access(options.tokens, loopback=is_loopback(options.host), origins=options.origins)
    with opened(options) as queue, bound(options.host, options.port) as listening, temporary_files(queue.store):
        _log(options.log_level)
        services = Services(queue, access=access, limits=options.limits)
        services.workers = _workers(queue, options.workers, listening.getsockname()[1])
        try:
            asyncio.run(_served(services, listening, lambda: on_ready(_address(listening))))
        finally:
            services.pictures.close()


def _log(level: str) -> None:
    """One JSON object a line on standard error, of ours and of uvicorn."""
    log_to_stderr(as_json=True, level=level.upper())
    theirs = logging.getLogger("uvicorn")
    theirs.handlers[:] = logging.getLogger("impasto").handlers
    theirs.setLevel(level.upper())
    theirs.propagate = False


def _workers(queue: Queue, count: int, port: int) -> Workers | None:
    # Of this machine and port, so that after a kill the next start goes on at once with what the last one had; where several
    # machines share the files, their names may be alike.
    name = f"{socket.gethostname().partition('.')[0]}-{port}"
    name += "" if isinstance(queue.store, Folder) else f"-{secrets.token_hex(3)}"
    if count == 0:
        return None
    return Workers(queue.store.url, queue.database, mark=queue.store.mark, count=count, name=name, json_log=True)


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there.  Raises InputError in one line where that cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise InputError(f"there is no address {host!r} to bind to; give one of this machine with --host") from None
    with socket.socket(family, kind, protocol) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(512)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"port {port} of {host} cannot be used: {str(reason).lower()}; end what has it, or give another --port"
            ) from None
        yield listening


@contextlib.contextmanager
def opened(options: Options) -> Iterator[Queue]:
    """Open the queue, its folder claimed while inside.

    Raises InputError where another server has it, or where it went away under a server and is not back.
    """
    vanished.require_back(options.data)
    store = open_store(options.data)
    with _claimed(store):
        queue = Queue(store, options.database)
        try:
            yield queue
        finally:
            queue.close()


@contextlib.contextmanager
def _claimed(store: Store) -> Iterator[None]:
    if not isinstance(store, Folder):  # several servers may share a location that several machines share
        yield
        return
    path = Path(store.url) / "server.lock"
    with contextlib.ExitStack() as claims:
        try:
            # The file stays: one that is removed under a second server, which waits for it, would be no lock for a third.
            claims.enter_context(locks.held(path, remove=False))
        except locks.Held:
            raise InputError(f"another server uses {store.url}; open that one, or give another folder with --data") from None
        except OSError as error:
            raise output_error(path, error) from None
        yield


async def _served(services: Services, listening: socket.socket, on_ready: Callable[[], object]) -> None:
    config = uvicorn.Config(
        build(services),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=_connections(),
        timeout_graceful_shutdown=_ANSWERS_STOP_S,
        ws="none",
        http=Impatient,
    )
    server = uvicorn.Server(config)
    _end_on_signals(server)
    workers, watch = services.workers, DataWatch(services.queue, lambda: setattr(server, "should_exit", True))
    if workers is not None:
        workers.start()
    try:
        beside = [asyncio.create_task(one) for one in (_end(server, services, on_ready), _sweep(services), watch.run())]
        await server.serve(sockets=[listening])
        for task in beside:
            task.cancel()
    finally:
        if workers is not None:
            logging.getLogger("impasto.server").info("waiting for the workers to save what they have")
            await asyncio.to_thread(workers.stop, WORKERS_STOP_S)
    if watch.reason is not None:
        raise Unavailable(f"{watch.reason} ({services.store.url}); the server ended")


def _connections() -> int:
    """Return how many there may be, as far as this process may have files open."""
    if resource is None:
        return _CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    if 0 <= soft < wanted:
        soft = wanted if hard < 0 else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _CONNECTIONS if soft < 0 else min(_CONNECTIONS, max(_OTHER_FILES, soft - _OTHER_FILES))


def _end_on_signals(server: uvicorn.Server) -> None:
    """End in good order on SIGTERM, Ctrl-C, and where the terminal is closed; a second signal ends at once.

    uvicorn's own handlers stand before these while it serves, and raise what they caught once more when it is done, which would
    end the process before the workers have saved.
    """

    def asked(number: int, frame: FrameType | None) -> None:
        del frame
        server.should_exit = True
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # nohup ignores it
        signal.signal(hangup, asked)


async def _end(server: uvicorn.Server, services: Services, on_ready: Callable[[], object]) -> None:
    """Say when it begins, and end the event streams when it is to end: they would go on for as long as anybody listens."""
    while not server.started:
        await asyncio.sleep(0.02)
    try:
        await asyncio.to_thread(on_ready)  # a browser in the terminal would hold everything up
    except Exception as error:  # nobody reads standard output, or there is no browser
        logging.getLogger("impasto.server").warning("nobody could be told that the server is ready: %s", error)
    while not server.should_exit:
        await asyncio.sleep(0.2)
    services.hub.close()
    services.estimates.close()
    services.pictures.close()


async def _sweep(services: Services) -> None:
    """Again and again removes what nobody needs."""
    log = logging.getLogger("impasto.server")
    await asyncio.sleep(_FIRST_SWEEP_S)
    while True:
        try:
            count = await asyncio.to_thread(services.sweep)
        except ImpastoError as error:
            log.warning("files were not swept: %s", error)
        except Exception:
            log.exception("files were not swept")
        else:
            if count > 0:
                log.info("removed %s files that no job named for %s hours", count, services.limits.unused_hours)
        await asyncio.sleep(_SWEEP_S)


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
