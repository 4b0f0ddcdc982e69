"""Errors that the user can mend, told without a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Names the file, row or config key, what was found, what was expected and what to do."""


def main(function: Callable[[], None]) -> None:
    """Run a script's main function; a UserError ends it with status 1, a Ctrl-C with 130."""
    try:
        function()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
