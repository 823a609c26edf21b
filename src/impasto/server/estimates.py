"""What a job would take, asked in a process of its own (estimate_process.py): one at a time, each once."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import threading
from collections import OrderedDict
from typing import Any, Final

from impasto import errors
from impasto.errors import ImpastoError, Unavailable
from impasto.jobs import Request, Store
from impasto.jobs.store import file_key
from impasto.server.problems import Problem, busy
from impasto.server.temporary import child_environment

LIMIT_S: Final = 120.0
_KEPT: Final = 256


class Estimates:
    """Of one server.  Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._alone = threading.Lock()
        self._found: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def of(self, request: Request) -> dict[str, Any]:
        """seconds, bytes, free_bytes, levels, width, height.  Raises what the run itself would raise before its first step."""
        digest = request.digest()
        if digest in self._found:
            return self._found[digest]
        if not self._alone.acquire(blocking=False):
            raise busy("another estimate is being made; try again in a moment")
        try:
            found = self._asked(request)
        finally:
            self._alone.release()
        self._found[digest] = found
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return found

    def _asked(self, request: Request) -> dict[str, Any]:
        settings = request.resolved().model_dump(mode="json")
        with contextlib.ExitStack() as stack:
            paths = {
                role: [str(stack.enter_context(self._store.local(file_key(ref.sha256)))), ref.name]
                for role, ref in request.roles()
            }
            try:
                said, log = self._run(json.dumps({"files": paths, "settings": settings}).encode())
                answer = json.loads(said)
            except subprocess.TimeoutExpired:
                raise Problem(503, "unavailable", f"the estimate took longer than {LIMIT_S:.0f} s; the machine is busy") from None
            except ValueError:
                if self._closed:
                    raise Unavailable("the server is ending; try again in a moment") from None
                logging.getLogger("impasto.server").error("an estimate failed: %s", log[-2000:].decode("utf-8", "replace"))
                raise Problem(500, "unexpected", "the estimate failed; the job itself may still go well") from None
        if "error" in answer:
            kind = getattr(errors, answer["error"], ImpastoError)
            kind = errors.InvalidSettings if kind is errors.UnknownName else kind
            raise kind(answer["message"], setting=answer.get("setting"))
        return dict(answer)

    def _run(self, asked: bytes) -> tuple[bytes, bytes]:
        """Return what the process says, and its log.  Raises TimeoutExpired, after which it has ended."""
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "impasto.server.estimate_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
        ) as process:
            self._process = process
            try:
                return process.communicate(asked, timeout=LIMIT_S)
            finally:
                process.kill()
                self._process = None

    def close(self) -> None:
        """Ends the one that is being made."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
