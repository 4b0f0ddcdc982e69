"""Pack what was trained for the demo into one safetensors file with the tokenizer beside it."""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file
from xtts_cloning import errors, files
from xtts_cloning.demo import codebook, packing
from xtts_cloning.demo.narrow_vocoder import NarrowVocoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpt", required=True, type=Path, help="folder of the trained GPT")
    parser.add_argument("--vocoder", required=True, type=Path, help="the vocoder that was trained on its latents")
    parser.add_argument("--codebook", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path, help="folder for weights.safetensors and vocab.json")
    arguments = parser.parse_args()
    state = torch.load(arguments.gpt / "state.pt")
    vocoder = NarrowVocoder()
    vocoder.load_state_dict(torch.load(arguments.vocoder))
    book = codebook.Codebook(**load_file(arguments.codebook))
    with files.atomic_folder(arguments.output) as folder:
        packing.pack(state["gpt"], vocoder, book, folder / "weights.safetensors", {"gpt_steps": state["step"]})
        shutil.copy(arguments.gpt / "vocab.json", folder)
        print(f"{(folder / 'weights.safetensors').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    errors.main(main)
