"""Running the workflow's scripts as the workflow does."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"


def run_script(name: str, *arguments: object, check: bool = True, **options) -> subprocess.CompletedProcess:
    """Run workflow/scripts/<name>; an AssertionError with all that it printed if it fails and `check` is true."""
    command = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if check and done.returncode:
        raise AssertionError(f"{name} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done
