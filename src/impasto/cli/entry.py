"""The start of the command: Ctrl-C ends it in one line even while modules are still being loaded."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command `impasto`."""
    try:
        from impasto.cli.surroundings import check_working_folder, fit_threads
        from impasto.errors import InputError

        try:
            check_working_folder()
            fit_threads()
            from impasto.cli.main import run

            run()
        except InputError as error:
            print(f"impasto: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("impasto: interrupted", file=sys.stderr)
        sys.exit(130)
