"""The command line, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import sys

from tritium.cli.exits import INTERRUPTED, exit_code
from tritium.cli.terminal import complain
from tritium.errors import TritiumError


def main() -> None:
    """Run a command and leave with its exit code; a user's mistake never shows a traceback."""
    try:
        _run(sys.argv[1:])
    except TritiumError as error:
        complain(str(error))
        sys.exit(exit_code(error))


def _run(arguments: list[str]) -> None:
    from tritium.cli.shortcut import plain_serve

    settings = plain_serve(arguments)
    if settings is None:
        from tritium.cli.commands import app

        app()
        return
    from tritium.cli.server import run_server

    try:
        run_server(**settings)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
