"""Logs of processes that nobody watches: a line an event, for people or as JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

from impasto.storage.text import valid

_OWN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in record.__dict__.items() if name not in _OWN},
        }
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return valid(json.dumps(facts, ensure_ascii=False, default=str))


def log_to_stderr(*, as_json: bool, level: str = "INFO") -> None:
    """What `impasto.*` loggers say goes to standard error; `extra` values become fields of JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("impasto")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
