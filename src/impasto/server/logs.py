"""The log: one JSON object a line on standard error, by the standard logging module."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_OURS: Final = "facts"


class JsonLines(logging.Formatter):
    """A record as one line; `extra={"facts": {…}}` are fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, in ASCII, so that nothing in a message can make a second one."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _OURS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_as_json(level: str) -> None:
    """From now on this process logs so, and uvicorn too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Its requests are logged by ours, with what belongs to them.
    logging.getLogger("uvicorn.access").disabled = True
