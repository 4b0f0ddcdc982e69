"""Fit the audio codes of the demo's model to shards of speech, and check them against the library's DVAE."""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from xtts_cloning import errors, files
from xtts_cloning.demo import codebook, standin
from xtts_cloning.synthetic import corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", required=True, nargs="+", type=Path)
    parser.add_argument("--output", required=True, type=Path, help="codebook.safetensors to write")
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args()
    clips = [clip for path in arguments.shards for clip in corpus.load(path)]
    print(f"{sum(clip.codes for clip in clips)} codes of {len(clips)} utterances", flush=True)
    book = codebook.fit(clips, arguments.seed)
    with files.atomic_path(arguments.output) as path:
        save_file({name: value.contiguous() for name, value in book._asdict().items()}, path)
    known, all_bits = codebook.phone_information(book, clips[-300:])
    print(f"a code tells {known:.2f} of {all_bits:.2f} bits about the phone")
    print(f"the library's DVAE gives the same codes: {agreement(book, clips[::37]):.2%}")


def agreement(book: codebook.Codebook, clips: list[corpus.Clip]) -> float:
    """Share of codes that the library's DVAE gives as well; the stored mels are rounded to half precision."""
    dvae = standin.dvae().eval()
    codebook.write_into(dvae, book)
    same = []
    for clip, ours in zip(clips, codebook.codes(book, clips), strict=True):
        mel = torch.from_numpy(clip.mel).float().view(1, -1, 4, 80).permute(0, 3, 1, 2).flatten(2)
        mel = torch.nn.functional.pad(mel, (0, 32), mode="replicate")
        same.append((dvae.get_codebook_indices(mel)[0, : clip.codes] == ours).float())
    return float(torch.cat(same).mean())


if __name__ == "__main__":
    errors.main(main)
