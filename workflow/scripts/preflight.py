"""Check, in seconds, whether this machine can run a config: every failed check is told, each with its remedy."""

import argparse
import sys

from xtts_cloning import config, errors
from xtts_cloning.driver import preflight

MARKS = {"ok": "ok    ", "note": "note  ", "failed": "FAILED"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the config file, such as config/mine.yaml")
    parser.add_argument(
        "--no-gpu-check", action="store_true", help="for a cluster's login node: the jobs run on another machine"
    )
    arguments = parser.parse_args()
    settings = config.load(arguments.config)

    failed = 0
    for result in preflight.run(settings, gpu=not arguments.no_gpu_check):
        print(
            MARKS[result.status], f"{result.name}:", result.text.replace("\n", "\n       "), file=sys.stderr, flush=True
        )
        failed += result.status == "failed"
    if failed:
        raise errors.UserError(f"{failed} of the checks above failed; nothing was started")


if __name__ == "__main__":
    errors.main(main)
