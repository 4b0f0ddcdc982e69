"""Unfold the small model that speaks, trained on synthetic voices alone, into a model folder in the hub's layout."""

import argparse
from pathlib import Path

from xtts_cloning import config, errors, products
from xtts_cloning.demo import packing

PACKED = config.ROOT / "workflow/resources/demo"
SEED = 1337  # of the parts that were not trained, and that nothing listens to


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, type=Path, help="folder to write, such as data/models/small")
    arguments = parser.parse_args()
    products.check(folders=[arguments.output])
    with products.folder(arguments.output) as folder:
        packing.unpack(PACKED / "weights.safetensors", PACKED / "vocab.json", folder, SEED)
    print(f"a small model that speaks is in {arguments.output}; docs/demo-model.md says what it is")


if __name__ == "__main__":
    errors.main(main)
