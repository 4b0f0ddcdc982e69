"""Compress a run's clips for its page, as MP3: the held-out recordings, the reference and both systems' speech."""

import argparse
from pathlib import Path

import pandas
from xtts_cloning import errors, products
from xtts_cloning.report import mp3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", required=True, type=Path, help="mdata_test.csv, with its wavs/ beside it")
    parser.add_argument("--reference", required=True, type=Path, help="reference.wav")
    parser.add_argument("--speech", required=True, type=Path, nargs="+", help="a folder of WAVs per system")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--output", required=True, type=Path, help="folder for <system>/<utterance>.mp3, replaced as a whole"
    )
    arguments = parser.parse_args()
    inputs = {"--test": arguments.test, "--reference": arguments.reference}
    inputs |= {f"--speech ({number})": folder for number, folder in enumerate(arguments.speech, 1)}
    products.check(folders=[arguments.output], inputs=inputs)
    recorded = [arguments.test.parent / file for file in pandas.read_csv(arguments.test, sep="|")["audio_file"]]
    sources = {"reference/reference": arguments.reference}
    sources |= {f"ground_truth/{path.stem}": path for path in recorded}
    sources |= {
        f"{folder.name}/{path.stem}": path for folder in arguments.speech for path in sorted(folder.glob("*.wav"))
    }
    mp3.encode_all(sources, arguments.output, arguments.threads)


if __name__ == "__main__":
    errors.main(main)
