"""Write the demo's model: a small random-weight XTTS-v2 in the hub's file layout."""

import argparse
from pathlib import Path

from xtts_cloning import config, errors, products
from xtts_cloning.model import checkpoints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    products.check([arguments.output / name for name in checkpoints.MODEL_FILES])
    settings = config.read_settings(arguments.settings, "make_demo_model")

    from xtts_cloning.demo.standin import write_standin  # imports the TTS library: seconds

    with products.several(arguments.output, checkpoints.MODEL_FILES) as folder:
        write_standin(folder, settings["seed"])


if __name__ == "__main__":
    errors.main(main)
