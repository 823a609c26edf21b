"""Where the command starts: Ctrl-C ends it in one line even while modules are still being loaded."""

from __future__ import annotations

import sys


def main() -> None:
    """The command `impasto`."""
    try:
        from impasto.cli.main import run

        run()
    except KeyboardInterrupt:
        print("impasto: interrupted", file=sys.stderr)
        sys.exit(130)
