"""Download a hub model that the evaluation can use, at its pinned commit."""

import argparse
from pathlib import Path

from xtts_cloning import errors, products
from xtts_cloning.evaluation.hub_models import HUB_MODELS
from xtts_cloning.model import downloads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, choices=HUB_MODELS)
    parser.add_argument("--output", required=True, type=Path, help="folder for the files")
    arguments = parser.parse_args()
    model = HUB_MODELS[arguments.model]
    products.check(folders=[arguments.output])
    with products.folder(arguments.output) as folder:
        downloads.fetch_model(model.repository, model.revision, model.files, folder)


if __name__ == "__main__":
    errors.main(main)
