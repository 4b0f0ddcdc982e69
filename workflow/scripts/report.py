"""Write a run's report: one self-contained HTML page, with provenance.json and a Workflow Run RO-Crate beside it."""

import argparse
import sys
from pathlib import Path

from xtts_cloning import config, errors, products
from xtts_cloning.report import page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the step's settings as JSON, or a config file")
    parser.add_argument("--data", required=True, type=Path, help="data/<speaker>")
    parser.add_argument("--results", required=True, type=Path, help="results/<run>")
    parser.add_argument("--model", required=True, type=Path, help="folder of the model before fine-tuning")
    parser.add_argument("--output", required=True, type=Path, help="the page to write, in the results folder")
    arguments = parser.parse_args()
    inputs = {"--data": arguments.data, "--model": arguments.model}
    products.check(page.beside(arguments.output), [page.rules_copy(arguments.output)], inputs)
    settings = config.read_settings(arguments.settings, "report")
    page.write(settings, arguments.data, arguments.results, arguments.model, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB", file=sys.stderr)


if __name__ == "__main__":
    errors.main(main)
