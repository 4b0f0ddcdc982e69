"""Print where a config's report lies."""

import argparse
from pathlib import Path

from xtts_cloning import config, errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="a config file")
    print(f"report: {Path('results', config.load(parser.parse_args().config)['run'], 'report.html')}")


if __name__ == "__main__":
    errors.main(main)
