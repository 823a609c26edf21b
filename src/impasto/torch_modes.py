"""The state of PyTorch and NumPy that we compute in, whatever the calling program has set for itself.

Programs call us inside `torch.inference_mode()`, under autocast, with another default device, with rounded matrix products, or
with NumPy errors that raise.  None of that may change a picture, and all of it is theirs afterwards.  Most of it belongs to a
thread.  What belongs to the process (matrix products, anomaly detection, choices of cuDNN) is set by the first thread that
computes and set back by the last.

The default dtype belongs to the process too, and is not touched: every tensor names its own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.context
import os
import threading
import time
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
import torch

from impasto.errors import RunError

_PROBE_S: Final = 5.0
"""Seconds that a few milliseconds of work may take in a forked process before it counts as hung."""

_PROBE_NUMBERS: Final = 1 << 20
"""Numbers that PyTorch adds on several threads: it does so from 32,768 on."""


@contextlib.contextmanager
def own_torch_modes() -> Iterator[None]:
    """Compute without gradients, outside the caller's modes, and leave these as they were; also a decorator.

    What needs gradients inside asks for them (`torch.enable_grad`).  Tensors made inside are no inference tensors.

    Raises:
        RunError: in a process forked from one whose threads PyTorch waits for.
    """
    with torch.inference_mode(mode=False), torch.no_grad(), exact_arithmetic():
        yield


@contextlib.contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Compute in the precision that tensors have, on the device that they name; gradients are as the caller wants them.

    Raises:
        RunError: in a process forked from one whose threads PyTorch waits for.
    """
    _process.check()
    with contextlib.ExitStack() as modes:
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            modes.enter_context(torch.device("cpu"))
        modes.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))  # NumPy's defaults
        modes.enter_context(_products.held(None, _full_products))
        yield


def exact_convolutions(device: torch.device, *, tf32: bool) -> AbstractContextManager[None]:
    """Compute convolutions on `device` by algorithms that are not chosen by the clock, rounded to TF32 only where asked for."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    return _convolutions.held(
        tf32, lambda: torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32)
    )


class Shared:
    """A state of the whole process: entered by the first of several threads that need it, and left by the last."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holders = 0
        self._key: Hashable = None
        self._state: AbstractContextManager[Any] | None = None

    @contextlib.contextmanager
    def held(self, key: Hashable, enter: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
        """Hold the state that `enter` makes; threads with another `key` wait for each other."""
        with self._changed:
            self._changed.wait_for(lambda: self._holders == 0 or self._key == key)
            if self._holders == 0:
                self._key, self._state = key, enter()
                self._state.__enter__()
            self._holders += 1
        try:
            yield
        finally:
            with self._changed:
                self._holders = max(0, self._holders - 1)
                if self._holders == 0:
                    self.leave()
                self._changed.notify_all()

    def leave(self) -> None:
        """Set the process back."""
        state, self._state = self._state, None
        if state is not None:
            state.__exit__(None, None, None)


@contextlib.contextmanager
def _full_products() -> Iterator[None]:
    """Compute products and convolutions of float32 unrounded, and leave not-a-number for the guarded loop to see."""
    with contextlib.ExitStack() as settings:
        if torch.is_anomaly_enabled():
            settings.enter_context(torch.autograd.set_detect_anomaly(mode=False))
        backends = torch.backends
        operations = (backends.cuda.matmul, backends.mkldnn.matmul, backends.mkldnn.conv)  # type: ignore[attr-defined]
        for operation in operations:
            settings.callback(_round, operation, operation.fp32_precision)
        try:
            before = torch.get_float32_matmul_precision()
        except RuntimeError:  # older and newer ways to say it were mixed, which PyTorch refuses to read
            before = "highest"
        if before != "highest":  # the older way, which sets the newer ones as well; they are set back after it
            torch.set_float32_matmul_precision("highest")
            settings.callback(torch.set_float32_matmul_precision, before)
        for operation in operations:
            if operation.fp32_precision not in {"none", "ieee"}:
                operation.fp32_precision = "ieee"
        yield


def _round(operation: Any, precision: str) -> None:
    """Let an operation of PyTorch round float32 as it did."""
    if operation.fp32_precision != precision:
        operation.fp32_precision = precision


_products = Shared()
_convolutions = Shared()


class _Process:
    """The answer to whether PyTorch's threads work in this process.

    A forked process has the memory of its parent and none of its threads.  If the parent computed on several, OpenMP
    waits for them for ever in the thread that forked.  So a forked process lets a child of its own try, once.
    """

    def __init__(self) -> None:
        # A process that was forked before this file was loaded is known by the class that started it.
        kinds = (getattr(multiprocessing.context, name, None) for name in ("ForkProcess", "ForkServerProcess"))
        self.forked = isinstance(multiprocessing.current_process(), tuple(kind for kind in kinds if kind is not None))
        self._works: bool | None = None

    def after_fork(self) -> None:
        """Forget, in the new process, what was true of its parent."""
        self.forked, self._works = True, None
        for shared in (_products, _convolutions):
            shared.leave()  # other threads that held it are not here
            shared.__init__()  # type: ignore[misc]

    def check(self) -> None:
        """Raise RunError where work on several threads would never end."""
        if not self.forked or not hasattr(os, "fork") or torch.get_num_threads() == 1:
            return
        if self._works is None:
            self._works = _threads_work()
        if not self._works:
            raise RunError(
                "this process was forked from one that had computed with several threads, which PyTorch cannot go on from; "
                "start processes with multiprocessing.get_context('spawn'), or call torch.set_num_threads(1) in them first"
            )


def _threads_work() -> bool:
    """Let a forked child compute on several threads, and return whether it ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that to fork beside threads may hang, which is asked here
        child = os.fork()
    if child == 0:
        try:
            torch.ones(_PROBE_NUMBERS, dtype=torch.float32, device="cpu").add_(1)
        finally:
            os._exit(0)
    until = time.monotonic() + _PROBE_S
    try:
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                os.kill(child, 9)
                os.waitpid(child, 0)
                return False
            time.sleep(0.002)
    except ChildProcessError:  # the program lets the system bury its children, so nobody knows
        return True
    return True


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.after_fork)
