"""Record the demo's two speakers, as they lie in workflow/resources/demo; needs flite (libflite1)."""

import argparse
from pathlib import Path

from xtts_cloning import errors, files
from xtts_cloning.synthetic import recordings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    with files.atomic_folder(arguments.output) as folder:
        recordings.record(arguments.seed, folder)


if __name__ == "__main__":
    errors.main(main)
