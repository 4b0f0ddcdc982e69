"""Errors that the user can mend, told without a traceback."""

import errno
import os
import sys
from collections.abc import Callable

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class UserError(Exception):
    """Names the file, row or config key, what was found, what was expected and what to do."""


def main(function: Callable[[], None]) -> None:
    """Run a script's main function; a UserError or a full disk ends it with status 1, a Ctrl-C with 130."""
    if sys.getfilesystemencoding() != "utf-8":
        # Under a Latin-1 locale, say. Arguments, file names and what is printed are the same bytes as in a rule then.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    try:
        function()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        where = f" {error.filename}" if error.filename else ""
        sys.exit(f"error: no space left to write{where} ({error.strerror}); free some and run the same command again")
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
