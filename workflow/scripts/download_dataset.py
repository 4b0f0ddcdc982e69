"""Download the dataset's archive: resumes, retries, and is good only if its sha256 is the config's."""

import argparse
from pathlib import Path

from xtts_cloning import config, errors, products
from xtts_cloning.model import downloads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--output", required=True, type=Path, help="where the archive goes")
    arguments = parser.parse_args()
    products.check([arguments.output])
    dataset = config.read_settings(arguments.settings, "download_dataset")["dataset"]
    if not config.is_url(dataset["archive"]):
        raise errors.UserError(f"dataset.archive is {dataset['archive']}, not a URL: there is nothing to download")
    downloads.fetch_archive(dataset["archive"], dataset["sha256"], arguments.output)


if __name__ == "__main__":
    errors.main(main)
