"""Run a command in the image that a config's rules run in, with everything bound that the config names elsewhere:

    python workflow/scripts/in_image.py config/mine.yaml python workflow/scripts/synthesize.py --help

Builds the image first where it is the checkout's own and not there yet.
"""

import argparse
import os
import subprocess
from pathlib import Path

from xtts_cloning import config, errors
from xtts_cloning.driver import images
from xtts_cloning.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="a config file")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments")
    arguments = parser.parse_args()
    settings = config.load(arguments.config)
    image = images.of(settings)
    missing = image == images.own() and not Path(image).exists()
    if missing and subprocess.run(["containers/build.sh"]).returncode:
        raise UserError(f"{image} could not be built: see above, and docs/cluster.md; or run with ENV=venv")
    images.describe(image)
    os.environ |= {"APPTAINER_BIND": images.binds(settings), "PYTHONDONTWRITEBYTECODE": "1"}
    os.execvp("apptainer", ["apptainer", "exec", "--nv", "--home", os.getcwd(), image, *arguments.command])


if __name__ == "__main__":
    errors.main(main)
