"""Download the model's files from the hub at the config's revision: resumes, retries, checks sizes and hashes."""

import argparse
import os
from pathlib import Path

from xtts_cloning import config, errors, products
from xtts_cloning.model import downloads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--output", required=True, type=Path, help="folder for the files, such as data/models/XTTS-v2")
    parser.add_argument(
        "--accept-cpml",
        action="store_true",
        help=f"you accept the licence https://coqui.ai/cpml.txt ({config.LICENCE_VARIABLE}=1 says the same)",
    )
    arguments = parser.parse_args()
    if not arguments.accept_cpml and os.environ.get(config.LICENCE_VARIABLE) != "1":
        raise errors.UserError(config.LICENCE_REMEDY)

    model = config.read_settings(arguments.settings, "download_model")["model"]
    if not config.is_hub_repository(model["source"]):
        raise errors.UserError(f"model.source is the local folder {model['source']}: there is nothing to download")
    products.check([arguments.output / name for name in downloads.MODEL_FILES])
    downloads.fetch_model(model["source"], model["revision"], downloads.MODEL_FILES, arguments.output)


if __name__ == "__main__":
    errors.main(main)
