"""The error tree. Each message says what was expected, what came and what to do.

ImpastoError
├── InputError              something the user gave; exit code 2
│   ├── UnreadableImage     missing, empty, truncated, not a picture
│   ├── ImageTooSmall       fewer pixels than the deepest layer needs
│   ├── ImageTooLarge       more pixels than the limit allows
│   ├── InvalidSettings     a value out of its range, settings that contradict each other
│   │   └── UnknownName     a layer, preset, network or device that does not exist
│   ├── WeightsError        a weights file that is not what it should be
│   ├── OutputError         the place to write to exists, is missing, full or forbidden
│   │   └── RecordError     the picture is written, its record beside it is not
│   └── CheckpointError     a checkpoint or manifest that cannot be continued from
├── DownloadError           a fetch that failed; exit code 1, try again
├── RunError                the optimisation itself failed; exit code 1
│   └── NoProgress          the picture never left its start
├── PeerLost                another process of this run is gone; exit code 1
└── Unavailable             the queue's database or data location does not answer; exit code 1, try again
"""

from __future__ import annotations

import difflib
import pickle
from collections.abc import Iterable
from typing import Any


class ImpastoError(Exception):
    """Root of all errors that impasto raises on purpose; `data` carries the facts behind the message.

    Every one survives `pickle` and `copy`, whatever its constructor takes: one that does not hangs the pool of processes in which
    it is raised.  Facts that cannot be pickled are left out of a pickled copy.
    """

    exit_code = 1

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message)
        self.data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (
            type(self),
            self.args,
            {name: value for name, value in vars(self).items() if name != "data"},
            _sent(self.data),
        )


def _again(kind: type[ImpastoError], args: tuple[Any, ...], attributes: dict[str, Any], data: dict[str, object]) -> ImpastoError:
    """Return an error as it was, without its constructor."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes, data=data)
    return error


def _sent(data: dict[str, object]) -> dict[str, object]:
    """Return the facts that can be pickled."""
    return {name: value for name, value in data.items() if _can_be_pickled(value)}


def _can_be_pickled(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


class InputError(ImpastoError):
    """What the user gave cannot be used."""

    exit_code = 2


class UnreadableImage(InputError):
    """The file is missing, a directory, empty, truncated, or not a picture."""


class ImageTooSmall(InputError):
    """The picture has fewer pixels a side than the deepest layer needs."""


class ImageTooLarge(InputError):
    """The picture has more pixels than the limit allows."""


class InvalidSettings(InputError):
    """A setting is out of its range, or settings contradict each other."""


class UnknownName(InvalidSettings):
    """A name that does not exist; the message proposes the nearest ones."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], **data: object) -> None:
        names = list(valid)
        near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
        super().__init__(f"there is no {kind} {name!r}; {hint}", kind=kind, name=name, valid=names, **data)


class WeightsError(InputError):
    """A weights file is missing, damaged, of an unknown form, or not of the network asked for."""


class OutputError(InputError):
    """The result cannot be written where it was asked for."""


class RecordError(OutputError):
    """The picture is written, and its record beside it cannot be."""


class CheckpointError(InputError):
    """A checkpoint or a manifest cannot be continued from."""


class DownloadError(ImpastoError):
    """A download failed; what was received is kept, and the same command goes on from there."""


class RunError(ImpastoError):
    """The optimisation failed."""


class NoProgress(RunError):
    """The picture never left its start image: a failure, not a result."""


class PeerLost(ImpastoError):
    """Another process of this run is gone, so it cannot go on; its last checkpoint can, with any number of processes."""


class Unavailable(ImpastoError):
    """A service that this depends on does not answer now; what was accepted is safe, and the same call may succeed later."""
