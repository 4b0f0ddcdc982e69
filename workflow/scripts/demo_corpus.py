"""Make shards of the synthetic crowd's speech, which the demo's model is trained on; needs flite (libflite1)."""

import argparse
import time
from pathlib import Path

import torch
from xtts_cloning import errors
from xtts_cloning.synthetic import corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, type=Path, help="folder for the shards; those there are kept")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--first", default=0, type=int, help="number of the first shard")
    parser.add_argument("--count", required=True, type=int, help="how many shards, of 300 utterances each")
    parser.add_argument("--with-samples", default=0, type=int, help="this many shards keep samples, for the vocoder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.first, arguments.first + arguments.count):
        path = arguments.output / f"{number:04d}.npz"
        if path.exists():
            continue
        start = time.perf_counter()
        clips = corpus.make_shard(arguments.seed, number)
        corpus.save(clips, path, with_samples=number < arguments.with_samples)
        minutes = sum(clip.codes for clip in clips) * corpus.SLOT_SECONDS / 60
        print(f"{path.name}: {minutes:.1f} minutes of speech in {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    errors.main(main)
