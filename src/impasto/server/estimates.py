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
from impasto.errors import ImpastoError
from impasto.jobs import Request, Store
from impasto.jobs.store import file_key
from impasto.server.problems import Problem, busy

LIMIT_S: Final = 120.0
_KEPT: Final = 256


class Estimates:
    """Of one server.  Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._alone = threading.Lock()
        self._found: OrderedDict[str, dict[str, Any]] = OrderedDict()

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
                ended = subprocess.run(
                    [sys.executable, "-m", "impasto.server.estimate_process"],
                    input=json.dumps({"files": paths, "settings": settings}).encode(),
                    capture_output=True,
                    timeout=LIMIT_S,
                    check=False,
                )
                answer = json.loads(ended.stdout)
            except subprocess.TimeoutExpired:
                raise Problem(503, "unavailable", f"the estimate took longer than {LIMIT_S:.0f} s; the machine is busy") from None
            except ValueError:
                logging.getLogger("impasto.server").error(
                    "an estimate failed: %s", ended.stderr[-2000:].decode("utf-8", "replace")
                )
                raise Problem(500, "unexpected", "the estimate failed; the job itself may still go well") from None
        if "error" in answer:
            kind = getattr(errors, answer["error"], ImpastoError)
            raise kind(answer["message"]) if kind is not errors.UnknownName else errors.InvalidSettings(answer["message"])
        return dict(answer)
